import Backbones
import Foundation
import TestSupport
import Torch
import Training

/// A folder with a table of golden pictures and a number for each, of which the last four are for testing.
struct ValueTable {
  let folder = ScratchFolder()
  let files: [String]
  let values: [Double]
  var path: String { folder.path("values.csv") }

  private static let names = [
    "rgb.png", "rgb_444.jpg", "sharp.png", "progressive.jpg", "soft.png", "gray.jpg", "palette8.png", "gray8.png",
    "cmyk.jpg", "lossy.webp", "rgb_422.jpg", "gray4.png",
  ]

  init() throws {
    let images = Golden.packageRoot.appendingPathComponent("Tests/golden/images/files").path
    files = Self.names.map { "\(images)/\($0)" }
    values = Self.names.indices.map { 3 + 7 * Double($0 * 5 % 12) }
    try write("values.csv", column: "value", values.map { "\($0)" })
  }

  /// Writes a table of the pictures with another column beside them.
  func write(_ name: String, column: String, _ entries: [String]) throws {
    let rows = files.indices.map { "\(files[$0]),\(entries[$0]),\($0 < 8 ? "train" : "test")" }
    try (["path,\(column),split"] + rows).joined(separator: "\n")
      .write(toFile: folder.path(name), atomically: true, encoding: .utf8)
  }

  /// Options of a short run of a small network, from scratch.
  func options(_ out: String, _ change: (inout FineTuneOptions) -> Void = { _ in }) -> FineTuneOptions {
    var options = FineTuneOptions(data: path, model: "resnet8", weights: nil, out: folder.path(out))
    (options.size, options.steps, options.batchSize, options.learningRate) = (16, 6, 4, .fixed(0.02))
    (options.device, options.threads, options.precision) = (.cpu, 1, .float32)
    change(&options)
    return options
  }
}

extension SavedModel {
  /// What `body` makes of the model at each of the run's first draws, of one σ: set by plain float32 arithmetic from
  /// what the run's files say.
  func plainDraws<Value>(_ count: Int, sigma: Double, _ body: (Model) throws -> Value) throws -> [Value] {
    let layout = network.layout
    let file = try DrawsFile(path: run.posterior, network: network)
    let mean = layout.vector(state.parameters)
    return try (0..<count).map { draw in
      var epsilon = [Float](repeating: 0, count: layout.count)
      epsilon.withUnsafeMutableBufferPointer { NormalDraws(seed: file.seed, step: UInt64(draw)).fill($0, from: 0) }
      let noise = layout.vector(layout.slices.map { Array(epsilon[$0.logicalOffset..<$0.logicalOffset + $0.count]) })
      let weights = mean.indices.map { mean[$0] + Float(sigma) * noise[$0] }
      let plain = try self.model(device: .cpu)
      try plain.vector.set(Tensor(weights, shape: [weights.count]))
      if !file.buffers.isEmpty { try plain.setBuffers(network.buffers.tensors(file.buffers[draw])) }
      return try body(plain)
    }
  }
}

/// Numbers as a run on some training values predicts them: a + b·f, with their mean a and standard deviation b.
struct PlainScale {
  let mean: Double
  let deviation: Double

  init(_ values: some Collection<Double>) {
    let count = Double(values.count)
    let mean = values.reduce(0, +) / count
    deviation = (values.reduce(0.0) { $0 + ($1 - mean) * ($1 - mean) } / count).squareRoot()
    self.mean = mean
  }

  /// The numbers of outputs f.
  func callAsFunction(_ outputs: [Double]) -> [Double] { outputs.map { mean + deviation * $0 } }
}

/// The metrics of numbers by their formulas: predictions and their variances, and the true values.
struct PlainErrors {
  let rmse: Double
  let mae: Double
  let r2: Double
  let nll: Double

  init(_ predictions: [Double], variances: [Double], _ values: [Double]) {
    let count = Double(values.count)
    let scale = PlainScale(values)
    var (squares, sizes, densities) = (0.0, 0.0, 0.0)
    for (index, value) in values.enumerated() {
      let (error, variance) = (predictions[index] - value, variances[index])
      squares += error * error
      sizes += abs(error)
      densities += 0.5 * (log(2 * .pi * variance) + error * error / variance)
    }
    (rmse, mae, nll) = ((squares / count).squareRoot(), sizes / count, densities / count)
    r2 = 1 - squares / (count * scale.deviation * scale.deviation)
  }
}

extension RegressionMetrics {
  /// The furthest of the four metrics from those by the formulas; NaN where one is missing.
  func distance(from plain: PlainErrors) -> Double {
    let distances = [rmse - plain.rmse, mae - plain.mae, (r2 ?? .nan) - plain.r2, nll - plain.nll].map { abs($0) }
    return distances.contains(where: \.isNaN) ? .nan : distances.max() ?? .nan
  }
}

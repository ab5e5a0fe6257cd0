import Backbones
import Evidence
import Foundation
import Weights

/// A run's `posterior.safetensors`: what predictions averaged over the posterior need beside the mean.
///
/// `draw-0/<name>` and so on are the running statistics of each draw by which the evidence was estimated, and the
/// metadata has the seed of their noise. In the diagonal family `sigma/<name>` is σ of every parameter.
package struct DrawsFile {
  /// The running statistics of each draw; empty where draws have the mean's.
  package var buffers: [[[Float]]]
  /// From which the draws' noise comes.
  package var seed: UInt64
  /// σ of every parameter, a flat vector; nil where it is in the model's metadata.
  package var sigma: [Float]?

  /// Writes it, whole or not at all.
  ///
  /// Throws `AtomicFileError`.
  package func write(to path: String, network: Network) throws {
    var arrays = Self.arrays(buffers, network)
    if let sigma {
      arrays += zip(network.layout.slices, network.layout.values(ofVector: sigma)).map {
        NamedArray(name: "sigma/" + $0.name, shape: $0.shape, $1)
      }
    }
    try Safetensors.write(arrays, metadata: ["format": "gridless posterior 1", "seed": "\(seed)"], to: path)
  }

  /// Reads what ``write(to:network:)`` wrote.
  ///
  /// Throws Weights' errors for a file that is missing, damaged or another network's, and for numbers without a
  /// meaning.
  package init(path: String, network: Network) throws {
    let file = try SafetensorsFile(path: path)
    guard let seed = file.metadata["seed"].flatMap({ UInt64($0) }) else {
      throw WeightsError.malformed(path: path, problem: "no readable seed in its metadata")
    }
    self.seed = seed
    buffers = try Self.buffers(file, network)
    if let first = network.layout.slices.first, file.info("sigma/" + first.name) != nil {
      sigma = network.layout.vector(
        try network.layout.slices.map { try Self.floats("sigma/" + $0.name, shape: $0.shape, atLeast: 0, file) })
    }
  }

  /// Gathers the parts.
  package init(buffers: [[[Float]]], seed: UInt64, sigma: [Float]?) {
    (self.buffers, self.seed, self.sigma) = (buffers, seed, sigma)
  }

  /// The statistics of draws under their names.
  static func arrays(_ draws: [[[Float]]], _ network: Network) -> [NamedArray] {
    draws.enumerated().flatMap { number, buffers in
      zip(network.buffers.slices, buffers).map {
        NamedArray(name: "draw-\(number)/\($0.name)", shape: $0.shape, $1)
      }
    }
  }

  /// The statistics of as many draws as a file has.
  static func buffers(_ file: SafetensorsFile, _ network: Network) throws -> [[[Float]]] {
    guard let first = network.buffers.slices.first else { return [] }
    var draws: [[[Float]]] = []
    while file.info("draw-\(draws.count)/\(first.name)") != nil {
      draws.append(
        try network.buffers.slices.map { try floats("draw-\(draws.count)/\($0.name)", shape: $0.shape, file) })
    }
    return draws
  }

  /// A tensor of a shape, of finite numbers: one NaN would make every prediction one.
  private static func floats(
    _ name: String, shape: [Int], atLeast least: Float = -.infinity, _ file: SafetensorsFile
  ) throws -> [Float] {
    if let found = file.info(name), found.shape != shape {
      throw WeightsError.malformed(path: file.path, problem: "'\(name)' has shape \(found.shape), expected \(shape)")
    }
    let values = try file.floats(name)
    if let index = values.firstIndex(where: { !$0.isFinite || $0 < least }) {
      let expected = least == 0 ? "numbers of at least 0" : "finite numbers"
      throw WeightsError.malformed(
        path: file.path, problem: "\(name)[\(index)] is \(values[index]), expected \(expected)")
    }
    return values
  }
}

import Backbones
import Datasets
import Evidence
import Foundation
import TestSupport
import Testing
import Torch
import Training

/// Regression within runs and their parts; whole commands are GridlessCLITests'.
@Suite struct RegressionRunTests {
  /// A small network with one output, and images of numbers.
  private func bench() throws -> (model: Model, mean: Tensor, data: ExampleBatches) {
    let network = try Backbone.named("resnet8").makeNetwork(classes: 1)
    let state = network.initialState(seed: 1)
    let examples = (0..<12).map { index in
      let bytes = Formula.hashes("image \(index)", count: 3 * 20 * 20).map { UInt8(truncatingIfNeeded: $0 >> 32) }
      return Example(
        source: .pixels(RGBImage(height: 20, width: 20, pixels: bytes)), value: 100 + Double(index * index))
    }
    let store = try ImageStore(examples, preprocessing: Preprocessing(size: 16, resizeSize: 16))
    return (
      try Model(network: network, state: state, device: .cpu),
      try Tensor(network.layout.vector(state.parameters), shape: [network.layout.paddedCount]),
      ExampleBatches(store, device: .cpu)
    )
  }

  @Test func batchesHaveValues() throws {
    let (_, _, data) = try bench()
    let (images, targets) = try data.batch([(index: 3, epoch: 0), (index: 1, epoch: 2)], augmentation: nil)
    #expect(images.shape == [2, 3, 16, 16])
    #expect(targets.dtype == .float64)
    #expect(try targets.doubles() == [109, 101])
  }

  /// The noise is the mean over samples of the mean squared error, and the log likelihood is that under this noise.
  @Test func theEvidencesNoiseIsTheClosedForm() throws {
    let (model, mean, data) = try bench()
    let values = try #require(data.values)
    let posterior = try GaussianPosterior(mean: mean, blocks: model.vector.blocks, sigma: 0.02)
    let objective = DataEmphasizedELBO.l2SP(layout: model.network.layout, pretrained: nil, examples: 12, kappa: 3)
    let gaussian = GaussianNoise(mean: 130, deviation: 40)
    let estimate = try model.estimateEvidence(
      objective, posterior: posterior, on: data, seed: 9, samples: 3, batchSize: 5, statistics: .mean,
      likelihood: .gaussian(gaussian))

    var squares = 0.0
    for sample in 0..<3 {
      try objective.sample(posterior, .drawn(NormalDraws(seed: 9, step: UInt64(sample))), into: model.vector)
      let predictions = try model.values(of: data, under: gaussian, batchSize: 12)
      squares += zip(predictions, values).reduce(0) { $0 + pow($1.0 - $1.1, 2) } / 36
    }
    let noise = try #require(estimate.noise)
    #expect(abs(noise * noise / squares - 1) < 1e-5)
    #expect(abs(estimate.logLikelihood / (-6 * (log(2 * .pi * squares) + 1)) - 1) < 1e-6)
    #expect(estimate.elbo == 3 * estimate.logLikelihood - estimate.kl)

    let fixed = GaussianNoise(mean: 130, deviation: 40, noise: 25)
    let given = try model.estimateEvidence(
      objective, posterior: posterior, on: data, seed: 9, samples: 3, batchSize: 12, statistics: .mean,
      likelihood: .gaussian(fixed))
    #expect(abs(try #require(given.noise) / 25 - 1) < 1e-12)
    let expected = -6 * (log(2 * .pi * 625) + squares / 625)
    #expect(abs(given.logLikelihood / expected - 1) < 1e-6)
  }

  /// Where images lie on a device, its blocks of steps are for classes: a regression run takes the host's steps.
  @Test func residentImagesTrainWithTheHostsSteps() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("gridless-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let files = Golden.packageRoot.appendingPathComponent("Tests/golden/images/files").path
    let names = ["rgb.png", "sharp.png", "soft.png", "gray8.png", "palette8.png", "rgb_444.jpg"]
    let table = folder.appendingPathComponent("table.csv").path
    let rows = names.enumerated().map { "\(files)/\($1),\(10 * $0 + 3)" }
    try (["path,value"] + rows).joined(separator: "\n").write(toFile: table, atomically: true, encoding: .utf8)
    var options = FineTuneOptions(data: table, model: "resnet8", weights: nil, out: "\(folder.path)/host")
    (options.size, options.steps, options.batchSize, options.learningRate) = (16, 6, 3, .fixed(0.02))
    (options.device, options.threads, options.initialSigma) = (.cpu, 1, 2e-3)
    let expected = try FineTuner(options).run()
    options.out = "\(folder.path)/resident"
    options.trainsAsOnGPU = true
    let found = try FineTuner(options).run()
    #expect(expected.likelihood == "gaussian" && expected.test == nil && expected.testRegression == nil)
    #expect(found.noise == expected.noise && found.loss == expected.loss)
    for name in ["metrics.jsonl", "model.safetensors"] {
      let host = try #require(FileManager.default.contents(atPath: "\(folder.path)/host/\(name)"))
      #expect(host == FileManager.default.contents(atPath: "\(folder.path)/resident/\(name)"), "\(name)")
    }
    #expect(try SavedModel(run: RunFolder(options.out)).likelihood.gaussian?.mean == 28)
  }
}

import Backbones
import Datasets
import Evidence
import Foundation
import TestSupport
import Testing
import Torch
import Training

private let flowers = Shared.path("data/flowers89")
private let mobileNet = Shared.path("data/weights/mobilenet_v2_imagenet.safetensors")
private let isLong = ProcessInfo.processInfo.environment["GRIDLESS_LONG_TESTS"] == "1"

/// Real images and a real pretrained network.
@Suite(.enabled(if: flowers != nil && mobileNet != nil, "the shared flowers89 and MobileNetV2 weights are absent"))
struct FlowersTests {
  /// Trains, and hands over what came of it and its folder, which is removed afterwards.
  private func run<Value>(
    seed: UInt64, size: Int, steps: Int, classes: [String]? = nil,
    _ body: (FineTuneResult, RunFolder) throws -> Value
  ) throws -> Value {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("flowers-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    var options = FineTuneOptions(
      data: try #require(flowers), model: "tf_mobilenet_v2", weights: mobileNet, out: folder.path)
    (options.seed, options.size, options.steps, options.classes) = (seed, size, steps, classes)
    options.batchSize = 32
    options.learningRate = .fixed(0.03)
    return try body(FineTuner(options).run(), RunFolder(folder.path))
  }

  /// The loss of what a run has learned, its weights drawn alike and read in float32 and in bfloat16.
  ///
  /// They must agree: a run in one precision then differs from a run in the other by where it went, not by what its
  /// loss is there.
  private func lossByPrecision(_ result: FineTuneResult, _ folder: RunFolder) throws -> [Double] {
    let saved = try SavedModel(run: folder)
    let dataset = try Dataset.open(#require(flowers), options: Dataset.Options(classes: saved.classes))
    let examples = try saved.preparation.batches(
      of: #require(dataset.splits[.train]), split: .train, skipUnreadable: false, device: .cpu)
    let objective = DataEmphasizedELBO(
      layout: saved.network.layout, examples: result.n, kappa: result.kappa, prior: nil)
    return try [ParameterVector.Precision.float32, .bfloat16].map { precision in
      let model = try Model(network: saved.network, state: saved.state, device: .cpu, precision: precision)
      let posterior = try GaussianPosterior(
        mean: model.vector.weights.clone(), blocks: model.vector.blocks, sigma: result.sigma)
      let evidence = try model.estimateEvidence(
        objective, posterior: posterior, on: examples, seed: 5, samples: 2, batchSize: 32)
      #expect(model.vector.leaves.contains { $0.dtype == .bfloat16 } == (precision == .bfloat16))
      return (result.kl / result.kappa - evidence.logLikelihood) / Double(result.n)
    }
  }

  /// A short run on a tenth of the classes must be far better than chance, with λ, τ and σ on the move.
  @Test func aShortRunLearns() throws {
    let classes = ["002", "003", "004", "005", "006", "007", "009", "010", "011", "012"]
    try run(seed: 1, size: 64, steps: 60, classes: classes) { result, folder in
      let test = try #require(result.test)
      #expect(test.balancedAccuracy > 0.5)
      #expect(test.nll < 1.6)
      #expect(result.sigma > 1.1e-4 && result.sigma < 1e-2)
      let lambda = try #require(result.lambda)
      #expect(lambda > 1e-7 && lambda < 1e-4)
      #expect(result.loss < 2.3)
      let losses = try lossByPrecision(result, folder)
      #expect(abs(losses[1] / losses[0] - 1) < 0.01)
    }
  }

  /// The acceptance run: seeds 1–3 of 400 steps at size 128.
  ///
  /// Takes 15 minutes on two cores.
  @Test(.enabled(if: isLong, "long: make test-long")) func fourHundredSteps() throws {
    let tests = try [1, 2, 3].map { seed in
      try run(seed: seed, size: 128, steps: 400) { result, folder in
        let losses = try lossByPrecision(result, folder)
        print("seed \(seed), the same draws: loss \(losses[0]) in float32, \(losses[1]) in bfloat16")
        #expect(abs(losses[1] / losses[0] - 1) < 0.01)
        return try #require(result.test)
      }
    }
    let accuracy = tests.map(\.balancedAccuracy).reduce(0, +) / 3
    let nll = tests.map(\.nll).reduce(0, +) / 3
    print("flowers89, tf_mobilenet_v2, 400 steps, seeds 1–3: balanced accuracy \(accuracy), NLL \(nll)")
    #expect(accuracy >= 0.80)
    #expect(nll <= 0.83)
  }
}

import Foundation
import TestSupport
import Testing
import Training

private let flowers = Shared.path("data/flowers89")
private let mobileNet = Shared.path("data/weights/mobilenet_v2_imagenet.safetensors")
private let isLong = ProcessInfo.processInfo.environment["GRIDLESS_LONG_TESTS"] == "1"

/// Real images and a real pretrained network.
@Suite(.enabled(if: flowers != nil && mobileNet != nil, "the shared flowers89 and MobileNetV2 weights are absent"))
struct FlowersTests {
  private func run(seed: UInt64, _ change: (inout FineTuneOptions) -> Void) throws -> FineTuneResult {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("flowers-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    var options = FineTuneOptions(
      data: try #require(flowers), model: "tf_mobilenet_v2", weights: mobileNet, out: folder.path)
    options.seed = seed
    options.batchSize = 32
    change(&options)
    return try FineTuner(options).run()
  }

  /// A short run on a tenth of the classes must be far better than chance, with λ, τ and σ on the move.
  @Test func aShortRunLearns() throws {
    let result = try run(seed: 1) {
      $0.size = 64
      $0.steps = 60
      $0.learningRate = .fixed(0.03)
      $0.classes = ["002", "003", "004", "005", "006", "007", "009", "010", "011", "012"]
    }
    let test = try #require(result.test)
    #expect(test.balancedAccuracy > 0.5)
    #expect(test.nll < 1.6)
    #expect(result.sigma > 1.1e-4 && result.sigma < 1e-2)
    let lambda = try #require(result.lambda)
    #expect(lambda > 1e-7 && lambda < 1e-4)
    #expect(result.loss < 2.3)
  }

  /// The acceptance run: seeds 1–3 of 400 steps at size 128.
  ///
  /// Takes 15 minutes on two cores.
  @Test(.enabled(if: isLong, "long: make test-long")) func fourHundredSteps() throws {
    let tests = try [1, 2, 3].map { seed in
      try #require(
        try run(seed: seed) {
          $0.size = 128
          $0.steps = 400
          $0.learningRate = .fixed(0.03)
        }.test)
    }
    let accuracy = tests.map(\.balancedAccuracy).reduce(0, +) / 3
    let nll = tests.map(\.nll).reduce(0, +) / 3
    print("flowers89, tf_mobilenet_v2, 400 steps, seeds 1–3: balanced accuracy \(accuracy), NLL \(nll)")
    #expect(accuracy >= 0.80)
    #expect(nll <= 0.83)
  }
}

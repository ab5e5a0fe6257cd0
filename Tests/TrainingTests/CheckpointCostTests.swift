import Foundation
import TestSupport
import Testing
import Training

private let flowers = Shared.path("data/flowers89")
private let mobileNet = Shared.path("data/weights/mobilenet_v2_imagenet.safetensors")
private let isLong = ProcessInfo.processInfo.environment["GRIDLESS_LONG_TESTS"] == "1"

/// What saving costs.
@Suite(.enabled(if: flowers != nil && mobileNet != nil, "the shared flowers89 and MobileNetV2 weights are absent"))
struct CheckpointCostTests {
  /// Stops a run that has been watched for long enough.
  private struct Enough: Error {}

  /// Steps that save against steps that do not, in one run of MobileNetV2 at size 128.
  @Test(.enabled(if: isLong, "long: make test-long")) func everyFiftyStepsCostsUnderTwoPerCent() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("cost-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    var options = FineTuneOptions(
      data: try #require(flowers), model: "tf_mobilenet_v2", weights: mobileNet, out: folder.path)
    (options.size, options.batchSize, options.steps, options.threads) = (128, 32, 400, 1)
    options.learningRate = .fixed(0.03)
    options.checkpointEvery = .steps(5)
    var (plain, saving) = ([Double](), [Double]())
    var last = ContinuousClock.now
    #expect(throws: Enough.self) {
      try FineTuner(options).run { event in
        guard case .step(let step) = event else { return }
        let seconds = (ContinuousClock.now - last) / .seconds(1)
        last = .now
        // The first steps warm up.
        if step.step > 5 { step.step % 5 == 0 ? saving.append(seconds) : plain.append(seconds) }
        if step.step == 55 { throw Enough() }
      }
    }
    func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
    let (step, checkpoint) = (median(plain), median(saving) - median(plain))
    let cost = checkpoint / (50 * step + checkpoint)
    print("a step takes \(step) s, a checkpoint \(checkpoint) s: every 50 steps \(100 * cost) % of the time")
    #expect(cost < 0.02)
  }
}

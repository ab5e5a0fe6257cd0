import Foundation
import Gridless
import Testing

/// Runs of the architectures without BatchNorm, from the first step to the saved model.
@Suite struct TransformerTests {
  private static let transformer = ["--model", "vit_ti_16", "--size", "32", "--checkpoint-every", "1"]

  @Test func aTransformersRunIsResumed() throws {
    let job = try Interruptible(steps: 4, Self.transformer)
    try job.killAfter("candidate-01-step-000000002", in: "killed")
    #expect(try job.run("killed").status == 0)
    try job.expectUndisturbed("killed")
    let file = try SafetensorsFile(path: job.place.absolute("undisturbed/model.safetensors"))
    #expect(file.tensors.first { $0.name == "encoder.pos_embedding" }?.shape == [1, 5, 192])
    #expect(file.tensors.first { $0.name == "class_token" }?.shape == [1, 1, 192])
  }

  /// A run's model is a checkpoint for images of another size, and what was trained there reads and predicts.
  @Test func positionsAreInterpolatedForAnotherSize() throws {
    let place = try Workplace()
    try place.writeData()
    #expect(try place.finetune("data", "--model", "vit_ti_16", "--size", "32", "--out", "small").status == 0)
    let arguments = Workplace.tiny(
      "data", ["--model", "vit_ti_16", "--size", "48", "--weights", "small/model.safetensors", "--out", "large"])
    for part in ["all", "from:encoder.layers.encoder_layer_10", "head"] {
      let outcome = try Command.run(arguments + ["--train", part, "--overwrite"], in: place.path)
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(
        outcome.errors.contains(
          "the checkpoint's position embeddings are for 2 × 2 patches and were interpolated to 3 × 3"))
    }
    let tooSmall = try Command.run(arguments + ["--size", "8", "--overwrite"], in: place.path)
    #expect(tooSmall.status == 64 && tooSmall.errors.contains("--size 8: vit_ti_16 cuts images into patches of 16"))
    #expect(!tooSmall.errors.contains("interpolated"))
    let evaluation = try place.gridless("evaluate", "large", "--data", "data", "--average", "2")
    #expect(evaluation.status == 0, "\(evaluation.errors)")
  }

  /// Dropped branches belong to a step's number, so that a resumed run drops the same.
  @Test func aRunWithStochasticDepthIsResumed() throws {
    let job = try Interruptible(
      steps: 4, ["--model", "efficientnet_b0", "--size", "32", "--checkpoint-every", "1", "--stochastic-depth"])
    try job.killAfter("candidate-01-step-000000002", in: "killed")
    #expect(try job.run("killed").status == 0)
    try job.expectUndisturbed("killed")
    let whole = try Command.run(
      job.arguments.filter { $0 != "--stochastic-depth" } + ["--out", "whole"], in: job.place.path)
    #expect(whole.status == 0)
    #expect(try job.place.contents("whole/metrics.jsonl") != (try job.place.contents("undisturbed/metrics.jsonl")))
  }

  @Test func aConvNeXtTrainsWithBothPrecisions() throws {
    let place = try Workplace()
    try place.writeData()
    for precision in ["fp32", "bf16"] {
      let outcome = try place.finetune(
        "data", "--model", "convnext_atto", "--size", "32", "--precision", precision, "--initial-sigma", "1e-2",
        "--out",
        precision)
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
    let refused = try place.finetune("data", "--stochastic-depth")
    #expect(refused.status == 64)
    #expect(refused.errors.contains("--stochastic-depth: resnet8 was not made to drop its branches"))
  }
}

import Foundation
import Gridless
import TestSupport
import Testing

/// `--weights` in the forms that people have, and `gridless convert`.
@Suite struct WeightsTests {
  /// Writes a wrapped checkpoint of torch.save.
  private func writePyTorch(_ place: Workplace, _ name: String, prefix: String) throws {
    let network = try Backbone.named("resnet8").makeNetwork(classes: 5)
    let state = network.initialState(seed: 1)
    let arrays =
      zip(network.layout.slices, state.parameters).map { (prefix + $0.name, $0.shape, $1) }
      + zip(network.buffers.slices, state.buffers).map { (prefix + $0.name, $0.shape, $1) }
    try place.write(name, Pickle.file(arrays + [("optimizer.state.0", [1], [0])]))
  }

  @Test func finetuneReadsAWrappedPyTorchFileOfAFolder() throws {
    let place = try Workplace()
    try place.writeData()
    try writePyTorch(place, "hub/checkpoints/net.pth", prefix: "state_dict.module.")
    let first = try place.finetune("data", "--weights", "hub/checkpoints")
    #expect(first.status == 0, "\(first.errors)")
    #expect(first.errors.contains("note: hub/checkpoints: its file net.pth is read"))
    #expect(
      first.errors.contains(
        "note: hub/checkpoints/net.pth: the tensors under 'state_dict.module.' are read; not read: optimizer"))

    // The same run goes on with the same file, and not with another.
    let again = try place.finetune("data", "--weights", "hub/checkpoints")
    #expect(again.status == 0 && again.output.contains("finished already"), "\(again.errors)")
    try writePyTorch(place, "hub/checkpoints/net.pth", prefix: "model.")
    let other = try place.finetune("data", "--weights", "hub/checkpoints")
    #expect(other.status != 0 && other.errors.contains("weights: checksum"), "\(other.errors)")
  }

  @Test func theWayDoesNotMatter() throws {
    let place = try Workplace()
    try place.writeData()
    try place.writeCheckpoint("start.safetensors")
    try writePyTorch(place, "start.pth", prefix: "model._orig_mod.")
    for (weights, out) in [("start.safetensors", "a"), ("start.pth", "b")] {
      let outcome = try place.finetune("data", "--weights", weights, "--out", out)
      #expect(outcome.status == 0, "\(outcome.errors)")
    }
    #expect(try place.contents("a/metrics.jsonl") == place.contents("b/metrics.jsonl"))
  }

  @Test func convertTellsWhatItDid() throws {
    let place = try Workplace()
    try place.writeCheckpoint("start.safetensors", of: "resnet18")
    func convert(_ arguments: String...) throws -> Outcome {
      try Command.run(["convert"] + arguments, in: place.path)
    }
    let result = try convert("start.safetensors", "hf.safetensors", "--model", "resnet18", "--to", "huggingface")
    #expect(result.status == 0 && result.output.contains("torchvision → huggingface"), "\(result.errors)")
    let line = try convert("hf.safetensors", "back.safetensors", "--model", "resnet18", "--to", "torchvision", "--json")
      .result()
    #expect(Set(line.keys) == ["event", "output", "model", "from", "to", "tensors", "classes"])
    #expect(line["event"] as? String == "converted" && line["from"] as? String == "huggingface")
    let (start, back) = (
      try SafetensorsFile(path: place.absolute("start.safetensors")),
      try SafetensorsFile(path: place.absolute("back.safetensors"))
    )
    #expect(start.tensors == back.tensors)
    for tensor in start.tensors { #expect(try start.array(tensor.name) == back.array(tensor.name)) }

    let exists = try convert("start.safetensors", "hf.safetensors", "--model", "resnet18", "--to", "huggingface")
    #expect(exists.status == 1 && exists.errors.contains("hf.safetensors: is there already"))
    let none = try convert("start.safetensors", "x.safetensors", "--model", "resnet20", "--to", "timm")
    #expect(none.status == 64 && none.errors.contains("timm has no resnet20"), "\(none.errors)")
    let pth = try convert("start.safetensors", "x.pth", "--model", "resnet18", "--to", "timm")
    #expect(pth.status == 64 && pth.errors.contains("safetensors is written"))
  }
  /// What a repository of the Hub says beside its weights stays with them: when they are converted, in a run, and when
  /// the run's model is fine-tuned again.
  @Test func epsilonAndNormalizationStayWithTheWeights() throws {
    let place = try Workplace()
    let model = "tf_efficientnet_b0"
    try place.writeCheckpoint("start.safetensors", of: model)
    try place.makeFolder("hub")
    func convert(_ input: String, _ output: String, to naming: String) throws -> Outcome {
      try place.gridless("convert", input, output, "--model", model, "--to", naming)
    }
    #expect(try convert("start.safetensors", "hub/model.safetensors", to: "huggingface").status == 0)
    try place.write("hub/config.json", Data(#"{"model_type":"efficientnet","batch_norm_eps":0.25}"#.utf8))
    try place.write(
      "hub/preprocessor_config.json", Data(#"{"image_mean":[0.5,0.4,0.3],"image_std":[0.2,0.2,0.2]}"#.utf8))
    #expect(try convert("hub", "plain.safetensors", to: "torchvision").status == 0)
    #expect(try SafetensorsFile(path: place.absolute("start.safetensors")).metadata["norm_eps"] == nil)

    try place.writeData()
    var results: [[String: Any]] = []
    for (weights, run) in [("hub", "a"), ("plain.safetensors", "b"), ("a/model.safetensors", "c")] {
      let outcome = try place.finetune(
        "data", "--model", model, "--size", "32", "--steps", "1", "--weights", weights, "--out", run, "--json")
      #expect(outcome.status == 0, "\(outcome.errors)")
      #expect(outcome.errors.contains("the ε of the normalisation layers is 0.25, not 0.001 as usual"))
      #expect(outcome.errors.contains("pixels are normalised with mean [0.5, 0.4, 0.3]"))
      #expect(try SafetensorsFile(path: place.absolute("\(run)/model.safetensors")).metadata["norm_eps"] == "0.25")
      results.append(try outcome.result())
    }
    func loss(_ metrics: Any?) throws -> Double { try #require((metrics as? [String: Any])?["nll"] as? Double) }
    #expect(try loss(results[0]["test"]) == loss(results[1]["test"]))
    // The network that is read back computes with it, too.
    let again = try place.gridless("evaluate", "a", "--data", "data", "--json", "--threads", "1").result()
    #expect(abs(try loss(again["test"]) - loss(results[0]["test"])) < 1e-5)
  }
}

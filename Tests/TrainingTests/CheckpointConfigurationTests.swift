import Backbones
import Foundation
import Testing
import Training
import Weights

/// What lies beside a checkpoint on the Hugging Face Hub is heeded.
struct CheckpointConfigurationTests {
  /// A folder with a network's weights and these files.
  private func folder(_ model: String, _ files: [String: String]) throws -> (path: String, scratch: ScratchFolder) {
    let scratch = ScratchFolder()
    let network = try Backbone.named(model).makeNetwork(classes: 3, vocabulary: 50)
    let path = scratch.path("model.safetensors")
    try Safetensors.write(network.namedArrays(network.initialState(seed: 5)), to: path)
    for (name, text) in files { try Data(text.utf8).write(to: URL(fileURLWithPath: scratch.path(name))) }
    return (URL(fileURLWithPath: path).deletingLastPathComponent().path, scratch)
  }

  private func weights(_ model: String, _ files: [String: String]) throws -> PretrainedWeights {
    let folder = try folder(model, files)
    return try withExtendedLifetime(folder.scratch) {
      try PretrainedWeights(path: folder.path, of: Backbone.named(model))
    }
  }

  @Test(
    arguments: [
      ("resnet18", #"{"model_type":"vit"}"#, "model_type vit, and resnet18 has resnet"),
      ("vit_ti_16", #"{"model_type":"vit","num_attention_heads":4}"#, "num_attention_heads 4, and vit_ti_16 has 3"),
      ("vit_ti_16", #"{"model_type":"vit","hidden_act":"relu"}"#, "hidden_act relu, and vit_ti_16 has gelu"),
      ("resnet50", #"{"model_type":"resnet","downsample_in_bottleneck":true}"#, "downsample_in_bottleneck true"),
      (
        "bert-tiny", #"{"model_type":"bert","position_embedding_type":"relative_key"}"#,
        "position_embedding_type relative_key"
      ),
      ("resnet18", "[1]", "it is no JSON object"),
      (
        "resnet18", #"{"architecture":"resnet18","mean":[0.5],"std":[1,1,1]}"#, "its mean and std are not three numbers"
      ),
      (
        "resnet18", #"{"architecture":"resnet18","mean":[0,0,0],"std":[1,1,0]}"#,
        "its mean and std are not three numbers"
      ),
    ]) func anotherFunctionIsRefused(model: String, config: String, message: String) throws
  {
    let error = try #require(throws: WeightsError.self) { try weights(model, ["config.json": config]) }
    #expect("\(error)".contains(message) && "\(error)".contains("config.json"), "\(error)")
  }

  @Test func casedTextsAreRefused() throws {
    let error = try #require(throws: WeightsError.self) {
      try weights(
        "bert-tiny",
        ["config.json": #"{"model_type":"bert"}"#, "tokenizer_config.json": #"{"do_lower_case":false}"#])
    }
    #expect("\(error)".contains("do_lower_case"), "\(error)")
  }

  /// transformers' and timm's files; a note tells what differs from the usual.
  @Test func pixelsAreNormalisedAsTheFilesSay() throws {
    let half = InputNormalization.tensorFlow
    let transformers = try weights(
      "resnet18",
      [
        "config.json": #"{"model_type":"resnet","hidden_act":"relu"}"#,
        "preprocessor_config.json": #"{"image_mean":[0.5,0.5,0.5],"image_std":[0.5,0.5,0.5]}"#,
      ])
    #expect(transformers.normalization == half)
    #expect(transformers.notes.contains { $0.contains("preprocessor_config.json: pixels are normalised with mean") })
    let timm = try weights(
      "resnet18",
      [
        "config.json":
          #"{"architecture":"resnet18","pretrained_cfg":{"mean":[0.5,0.5,0.5],"std":[0.5,0.5,0.5]}}"#
      ])
    #expect(timm.normalization == half)
    let plain = try weights(
      "resnet18",
      ["preprocessor_config.json": #"{"image_mean":[0.5,0.5,0.5],"image_std":[0.5,0.5,0.5],"do_normalize":false}"#])
    #expect(plain.normalization.mean == [0, 0, 0] && plain.normalization.std == [1, 1, 1])
    let usual = try weights(
      "resnet18",
      ["preprocessor_config.json": #"{"image_mean":[0.485,0.456,0.406],"image_std":[0.229,0.224,0.225]}"#])
    #expect(usual.normalization == .imageNet && !usual.notes.contains { $0.contains("normalised") })
  }

  /// A Gridless run's own config.json describes no model of the Hub.
  @Test func otherFilesSayNothing() throws {
    let weights = try weights("resnet18", ["config.json": #"{"model":"resnet18","size":64}"#])
    #expect(weights.normalization == .imageNet)
  }
}

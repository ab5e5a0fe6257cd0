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
      (
        "mobilenet_v2", #"{"model_type":"mobilenet_v2","hidden_act":"relu6","tf_padding":true}"#,
        "tf_padding true, and mobilenet_v2 has PyTorch's padding"
      ),
      (
        "tf_mobilenet_v2", #"{"model_type":"mobilenet_v2","tf_padding":false}"#,
        "tf_padding false, and tf_mobilenet_v2 has TensorFlow's padding"
      ),
      (
        "efficientnet_b0", #"{"model_type":"efficientnet","hidden_act":"swish"}"#,
        "model_type efficientnet, and efficientnet_b0 has PyTorch's padding"
      ),
      ("mobilenet_v2", #"{"model_type":"mobilenet_v2"}"#, "tf_padding true, and mobilenet_v2 has PyTorch's padding"),
      ("resnet50", #"{"architecture":"resnetblur50"}"#, "architecture resnetblur50, and resnet50 has no filters"),
      ("resnet50", #"{"architecture":"resnetaa50"}"#, "architecture resnetaa50"),
      ("efficientnet_b0", #"{"architecture":"tf_efficientnet_b0"}"#, "architecture tf_efficientnet_b0"),
      ("tf_efficientnet_b0", #"{"architecture":"efficientnet_b0"}"#, "has TensorFlow's padding"),
      ("vit_ti_16", #"{"model_type":"vit","layer_norm_eps":0}"#, "layer_norm_eps 0, which is no number above 0"),
      ("vit_ti_16", #"{"model_type":"vit","layer_norm_eps":"1e-5"}"#, "layer_norm_eps 1e-5, which is no number"),
      ("resnet18", "[1]", "it is no JSON object"),
      ("resnet18", "", "it is no JSON object"),
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

  /// In the Hub's cache these files are links.
  @Test func aLinkThatLeadsNowhereIsTold() throws {
    let folder = try folder("resnet18", [:])
    let config = folder.path + "/config.json"
    let target = folder.scratch.path("blob")
    try FileManager.default.createSymbolicLink(atPath: config, withDestinationPath: target)
    func open() throws -> PretrainedWeights { try PretrainedWeights(path: folder.path, of: Backbone.named("resnet18")) }
    let error = try #require(throws: WeightsError.self) { try open() }
    #expect("\(error)".contains("\(config): cannot be read"), "\(error)")
    let json = #"{"model_type":"resnet","hidden_act":"relu"}"#
    try Data(json.utf8).write(to: URL(fileURLWithPath: target))
    _ = try open()
    try Data((json + String(repeating: " ", count: 4_000_000)).utf8).write(to: URL(fileURLWithPath: target))
    let long = try #require(throws: WeightsError.self) { try open() }
    #expect("\(long)".contains("no configuration is so long"), "\(long)")
  }

  @Test(arguments: ["do_lower_case", "strip_accents", "tokenize_chinese_chars"])
  func otherWaysToCutTextsAreRefused(key: String) throws {
    let error = try #require(throws: WeightsError.self) {
      try weights(
        "bert-tiny", ["config.json": #"{"model_type":"bert"}"#, "tokenizer_config.json": "{\"\(key)\":false}"])
    }
    #expect("\(error)".contains("\(key) false"), "\(error)")
  }

  /// EfficientNet's processor divides by the standard deviation twice, or with `do_normalize` false once, where it does
  /// not say that there is no top (transformers' EfficientNetImageProcessor).
  @Test(arguments: [
    (#""image_processor_type":"EfficientNetImageProcessor","include_top":true"#, [0.485, 0.456, 0.406], 0.25),
    (#""image_processor_type":"EfficientNetImageProcessorFast""#, [0.485, 0.456, 0.406], 0.25),
    (#""feature_extractor_type":"EfficientNetFeatureExtractor","do_normalize":false"#, [0, 0, 0], 0.5),
    (#""image_processor_type":"EfficientNetImageProcessor","include_top":false"#, [0.485, 0.456, 0.406], 0.5),
    (#""image_processor_type":"ViTImageProcessor","rescale_factor":0.00392156862745098"#, [0.485, 0.456, 0.406], 0.5),
  ]) func deviationsThatAreDividedByTwice(settings: String, mean: [Float], std: Float) throws {
    let weights = try weights(
      "tf_efficientnet_b0",
      [
        "preprocessor_config.json":
          "{\(settings),\"image_mean\":[0.485,0.456,0.406],\"image_std\":[0.5,0.5,0.5]}"
      ])
    #expect(weights.normalization.mean == mean && weights.normalization.std == [std, std, std])
  }

  @Test(arguments: [#""do_rescale":false"#, #""rescale_factor":0.0078"#, #""rescale_offset":true"#])
  func otherScalesOfPixelsAreRefused(setting: String) throws {
    let error = try #require(throws: WeightsError.self) {
      try weights(
        "resnet18", ["preprocessor_config.json": "{\(setting),\"image_mean\":[0,0,0],\"image_std\":[1,1,1]}"])
    }
    #expect("\(error)".contains("it scales pixels in another way than by 1/255"), "\(error)")
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

  /// Where it is not the usual one, a note tells.
  @Test(arguments: [
    ("tf_mobilenet_v2", #"{"model_type":"mobilenet_v2","tf_padding":true,"layer_norm_eps":0.001}"#, 1e-5, 1e-3),
    ("tf_efficientnet_b0", #"{"model_type":"efficientnet","batch_norm_eps":0.002}"#, 1e-3, 2e-3),
    ("tf_efficientnet_b0", #"{"model_type":"efficientnet","batch_norm_eps":0.001}"#, 1e-3, 1e-3),
    ("bert-tiny", #"{"model_type":"bert","layer_norm_eps":1e-5}"#, 1e-12, 1e-5),
    ("vit_ti_16", #"{"model_type":"vit","layer_norm_eps":1e-12}"#, 1e-6, 1e-12),
    ("vit_ti_16", #"{"model_type":"vit"}"#, 1e-6, 1e-12),
    ("vit_ti_16", #"{"layer_norm_eps":1e-12}"#, 1e-6, 1e-6),
    // It is that of the last layer only.
    ("convnext_atto", #"{"model_type":"convnext","layer_norm_eps":1e-12}"#, 1e-6, 1e-6),
  ]) func epsilonIsThatOfTheFile(model: String, config: String, usual: Double, expected: Double) throws {
    let weights = try weights(model, ["config.json": config])
    #expect(try Backbone.named(model).eps == usual)
    #expect(weights.backbone.eps == expected)
    #expect(
      weights.notes.contains { $0.contains("the ε of the normalisation layers is \(expected), not \(usual)") }
        == (usual != expected), "\(weights.notes)")
  }

  /// A Gridless run's own config.json describes no model of the Hub.
  @Test func otherFilesSayNothing() throws {
    let weights = try weights("resnet18", ["config.json": #"{"model":"resnet18","size":64}"#])
    #expect(weights.normalization == .imageNet)
  }
}

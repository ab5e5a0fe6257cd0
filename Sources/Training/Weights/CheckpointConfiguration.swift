import Backbones
import Datasets
import Foundation
import Support
import Weights

/// What the files beside a checkpoint say of it that its tensors do not tell.
///
/// Read are transformers' `config.json`, `preprocessor_config.json` and `tokenizer_config.json`, and timm's
/// `config.json`, as they lie in a repository of the Hugging Face Hub; and the metadata of a Gridless run. Other files
/// of these names say nothing.
struct CheckpointConfiguration {
  /// The files that were read, by name.
  private var files: [String: [String: Any]] = [:]
  private let file: String
  private let metadata: [String: String]

  /// Reads what lies beside `file`.
  ///
  /// Throws `WeightsError.unusable` for a file that is no JSON object.
  init(beside file: any StoredTensors) throws {
    self.file = file.path
    metadata = (file as? SafetensorsFile)?.metadata ?? [:]
    for name in ["config.json", "preprocessor_config.json", "tokenizer_config.json"] {
      guard let bytes = try contents(name) else { continue }
      guard let object = try? JSONSerialization.jsonObject(with: bytes) as? [String: Any] else {
        throw WeightsError.unusable(
          path: path(name), problem: "it is no JSON object",
          advice: "Fetch it again, or remove it if it is not the model's.")
      }
      files[name] = object
    }
  }

  /// Refuses weights of another function than the backbone's.
  ///
  /// Throws `WeightsError.unusable`.
  func check(_ backbone: Backbone) throws {
    guard let config = files["config.json"] else { return }
    func refuse(_ key: String, _ found: Any, expected: String, file: String = "config.json") -> WeightsError {
      .unusable(
        path: path(file), problem: "it says \(key) \(found), and \(backbone.name) has \(expected)",
        advice: "Pass the --model that these weights were made for; gridless models lists them.")
    }
    let padding = backbone.padsAsTensorFlow ? "TensorFlow's padding" : "PyTorch's padding and not TensorFlow's"
    // Of the same tensors as the plain network.
    if let name = config["architecture"] as? String, name.hasPrefix("resnetaa") || name.hasPrefix("resnetblur") {
      throw refuse("architecture", name, expected: "no filters against aliasing")
    }
    // timm's names of ports from TensorFlow.
    if let name = config["architecture"] as? String, name.hasPrefix("tf_") != backbone.padsAsTensorFlow {
      throw refuse("architecture", name, expected: padding)
    }
    guard let traits = backbone.transformers, let type = config["model_type"] as? String else { return }
    guard type == traits.modelType else { throw refuse("model_type", type, expected: traits.modelType) }
    // transformers has no EfficientNet with another padding.
    if type == "efficientnet", !backbone.padsAsTensorFlow { throw refuse("model_type", type, expected: padding) }
    if type == "mobilenet_v2" {
      let found = config["tf_padding"] as? Bool ?? true
      if found != backbone.padsAsTensorFlow { throw refuse("tf_padding", found, expected: padding) }
    }
    if let found = config["hidden_act"] as? String, found != traits.activation {
      throw refuse("hidden_act", found, expected: traits.activation)
    }
    if let found = config["num_attention_heads"] as? Int, let heads = traits.heads, found != heads {
      throw refuse("num_attention_heads", found, expected: "\(heads)")
    }
    if let found = config["position_embedding_type"] as? String, found != "absolute" {
      throw refuse("position_embedding_type", found, expected: "absolute")
    }
    if config["downsample_in_bottleneck"] as? Bool == true {
      throw refuse("downsample_in_bottleneck", true, expected: "the stride in the 3×3 convolution")
    }
    guard backbone.modality == .texts, let tokenizer = files["tokenizer_config.json"] else { return }
    for (key, expected) in [
      ("do_lower_case", "texts in lower case"), ("strip_accents", "letters without their accents"),
      ("tokenize_chinese_chars", "ideographs as tokens of their own"),
    ] where tokenizer[key] as? Bool == false {
      throw refuse(key, false, expected: expected, file: "tokenizer_config.json")
    }
  }

  /// The ε of a backbone's normalisation layers, and which file says so; nil where none does.
  ///
  /// Throws `WeightsError.unusable` for a number that is none of an ε.
  func eps(of backbone: Backbone) throws -> (Double, source: String)? {
    if let text = metadata[MetadataKey.eps] {
      guard let eps = Double(text), Backbone.isEps(eps) else { throw unusableMetadata(MetadataKey.eps, text) }
      return (eps, "the file's metadata")
    }
    guard let traits = backbone.transformers, let key = traits.epsKey, let config = files["config.json"],
      config["model_type"] as? String == traits.modelType
    else { return nil }
    guard let found = config[key] else {
      return (traits.defaultEps, "\(path("config.json")) with transformers' default")
    }
    guard let eps = found as? Double, Backbone.isEps(eps) else {
      throw WeightsError.unusable(
        path: path("config.json"), problem: "it says \(key) \(found), which is no number above 0 and below 1",
        advice: "Fetch it again, or remove it.")
    }
    return (eps, path("config.json"))
  }

  /// How the weights want their pixels, and which file says so; nil where none does.
  ///
  /// Throws `WeightsError.unusable` for numbers that are none of a normalisation.
  func normalization() throws -> (InputNormalization, source: String)? {
    if let text = metadata[MetadataKey.preprocessing],
      let saved = try? JSON.decode(Preprocessing.self, from: Data(text.utf8)), saved.mean.count == 3,
      saved.std.count == 3
    {
      return (
        InputNormalization(
          channelOrder: saved.channelOrder == .rgb ? .rgb : .bgr, divisor: Float(saved.scale),
          mean: saved.mean.map { Float($0) }, std: saved.std.map { Float($0) }), "the run's metadata"
      )
    }
    if let text = metadata[MetadataKey.normalization] {
      guard let saved = try? JSON.decode(InputNormalization.self, from: Data(text.utf8)), saved.isSound else {
        throw unusableMetadata(MetadataKey.normalization, text)
      }
      return (saved, "the file's metadata")
    }
    if let preprocessor = files["preprocessor_config.json"], let mean = preprocessor["image_mean"] {
      return try normalization(of: preprocessor, mean: mean)
    }
    let config = files["config.json"] ?? [:]
    let timm = config["pretrained_cfg"] as? [String: Any] ?? (config["architecture"] == nil ? [:] : config)
    return try timm["mean"].map { try normalization($0, timm["std"], of: "config.json") }
  }

  /// What transformers' image processor does with pixels.
  private func normalization(
    of processor: [String: Any], mean: Any
  ) throws -> (InputNormalization, source: String) {
    let name = "preprocessor_config.json"
    let factor = processor["rescale_factor"] as? Double ?? 1.0 / 255
    guard processor["do_rescale"] as? Bool != false, processor["rescale_offset"] as? Bool != true,
      abs(255 * factor - 1) < 1e-3
    else {
      throw WeightsError.unusable(
        path: path(name), problem: "it scales pixels in another way than by 1/255",
        advice: "Remove the file if the weights want pixels as usual for the network.")
    }
    let isNormalized = processor["do_normalize"] as? Bool != false
    let type = processor["image_processor_type"] ?? processor["feature_extractor_type"]
    // EfficientNet's then divides by the standard deviation (again), as its published weights want it.
    let isDivided =
      (type as? String)?.hasPrefix("EfficientNet") == true && processor["include_top"] as? Bool != false
    var (found, source) = try normalization(
      isNormalized ? mean : [0.0, 0, 0], isNormalized || isDivided ? processor["image_std"] : [1.0, 1, 1], of: name)
    if isNormalized && isDivided { found.std = found.std.map { $0 * $0 } }
    return (found, source)
  }

  private func unusableMetadata(_ key: String, _ text: String) -> WeightsError {
    .unusable(path: file, problem: "its metadata say \(key) \(text)", advice: "Make the file again.")
  }

  private func normalization(
    _ mean: Any, _ std: Any?, of name: String
  ) throws -> (InputNormalization, source: String) {
    let found = (mean as? [Double]).flatMap { mean in
      (std as? [Double]).map { std in
        InputNormalization(channelOrder: .rgb, divisor: 255, mean: mean.map { Float($0) }, std: std.map { Float($0) })
      }
    }
    guard let found, found.isSound else {
      throw WeightsError.unusable(
        path: path(name), problem: "its mean and std are not three numbers each, std above 0",
        advice: "Fetch it again, or remove it.")
    }
    return (found, path(name))
  }

  private func path(_ name: String) -> String { sibling(name, of: file) }

  /// The bytes of a file beside the weights, nil where there is none.
  private func contents(_ name: String) throws -> Data? {
    let path = path(name)
    // Of the file itself, or of the link that it is in the Hub's cache, wherever that leads.
    guard (try? FileManager.default.attributesOfItem(atPath: path)) != nil else { return nil }
    guard FileKind(path) == .file, let file = FileHandle(forReadingAtPath: path) else {
      throw WeightsError.unreadable(path: path, reason: "no file that can be read, though it stands beside the weights")
    }
    // BERT's tokenizer_config.json is the longest of them, some kilobytes; id2label of many classes makes config.json
    // long.
    let most = 4_000_000
    let data: Data
    do {
      data = try file.read(upToCount: most + 1) ?? Data()
    } catch {
      throw WeightsError.unreadable(path: path, reason: "reading fails")
    }
    guard data.count <= most else {
      throw WeightsError.unusable(
        path: path, problem: "more than \(most) bytes: no configuration is so long",
        advice: "Fetch it again, or remove it.")
    }
    return data
  }
}

import Backbones
import Datasets
import Foundation
import Weights

/// What the files beside a checkpoint say of it that its tensors do not tell.
///
/// Read are transformers' `config.json`, `preprocessor_config.json` and `tokenizer_config.json`, and timm's `config.json`, as they
/// lie in a repository of the Hugging Face Hub; and the metadata of a Gridless run. Other files of these names say nothing.
struct CheckpointConfiguration {
  /// The files that were read, by name.
  private var files: [String: [String: Any]] = [:]
  private let folder: String
  private let metadata: [String: String]

  /// Reads what lies beside `file`.
  ///
  /// Throws `WeightsError.unusable` for a file that is no JSON object.
  init(beside file: any StoredTensors) throws {
    folder = URL(fileURLWithPath: file.path).deletingLastPathComponent().path
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
    guard let traits = backbone.transformers, let config = files["config.json"],
      let type = config["model_type"] as? String
    else { return }
    func refuse(_ key: String, _ found: Any, expected: String, file: String = "config.json") -> WeightsError {
      .unusable(
        path: path(file), problem: "it says \(key) \(found), and \(backbone.name) has \(expected)",
        advice: "Pass the --model that these weights were made for; gridless models lists them.")
    }
    guard type == traits.modelType else { throw refuse("model_type", type, expected: traits.modelType) }
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
    if backbone.modality == .texts, files["tokenizer_config.json"]?["do_lower_case"] as? Bool == false {
      throw refuse("do_lower_case", false, expected: "texts in lower case", file: "tokenizer_config.json")
    }
  }

  /// How the weights want their pixels, and which file says so; nil where none does.
  ///
  /// Throws `WeightsError.unusable` for numbers that are none of a normalisation.
  func normalization() throws -> (InputNormalization, source: String)? {
    if let text = metadata["preprocessing"],
      let saved = try? JSON.decode(Preprocessing.self, from: Data(text.utf8)), saved.mean.count == 3,
      saved.std.count == 3
    {
      return (
        InputNormalization(
          channelOrder: saved.channelOrder == .rgb ? .rgb : .bgr, divisor: Float(saved.scale),
          mean: saved.mean.map { Float($0) }, std: saved.std.map { Float($0) }), "the run's metadata"
      )
    }
    if let preprocessor = files["preprocessor_config.json"], let mean = preprocessor["image_mean"] {
      // Without do_normalize pixels are only scaled.
      let isPlain = preprocessor["do_normalize"] as? Bool == false
      return try normalization(
        isPlain ? [0.0, 0, 0] : mean, isPlain ? [1.0, 1, 1] : preprocessor["image_std"], of: "preprocessor_config.json")
    }
    let config = files["config.json"] ?? [:]
    let timm = config["pretrained_cfg"] as? [String: Any] ?? (config["architecture"] == nil ? [:] : config)
    return try timm["mean"].map { try normalization($0, timm["std"], of: "config.json") }
  }

  private func normalization(
    _ mean: Any, _ std: Any?, of name: String
  ) throws -> (InputNormalization, source: String) {
    guard let mean = mean as? [Double], let std = std as? [Double], mean.count == 3, std.count == 3,
      (mean + std).allSatisfy(\.isFinite), std.allSatisfy({ $0 > 0 })
    else {
      throw WeightsError.unusable(
        path: path(name), problem: "its mean and std are not three numbers each, std above 0",
        advice: "Fetch it again, or remove it.")
    }
    return (
      InputNormalization(channelOrder: .rgb, divisor: 255, mean: mean.map { Float($0) }, std: std.map { Float($0) }),
      path(name)
    )
  }

  private func path(_ name: String) -> String { "\(folder)/\(name)" }

  /// The bytes of a file beside the weights, nil where there is none.
  private func contents(_ name: String) throws -> Data? {
    let path = path(name)
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else { return nil }
    let size = (attributes[.size] as? Int) ?? 0
    // BERT's tokenizer_config.json is the longest of them, some kilobytes; id2label of many classes makes config.json long.
    guard size <= 4_000_000 else {
      throw WeightsError.unusable(
        path: path, problem: "\(size) bytes: no configuration is so long", advice: "Fetch it again, or remove it.")
    }
    return FileManager.default.contents(atPath: path)
  }
}

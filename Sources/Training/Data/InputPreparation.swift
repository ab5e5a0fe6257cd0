import Backbones
import Datasets
import Foundation
import Torch

/// How a run's examples become its network's input; saved with the model.
public enum InputPreparation: Sendable {
  /// Images are resized, cropped and normalised.
  case images(Preprocessing)
  /// Texts are cut into word pieces.
  case texts(WordPieceTokenizer)

  /// That of images, nil for texts.
  public var preprocessing: Preprocessing? { if case .images(let preprocessing) = self { preprocessing } else { nil } }
  /// That of texts, nil for images.
  public var tokenizer: WordPieceTokenizer? { if case .texts(let tokenizer) = self { tokenizer } else { nil } }

  /// What a network with it reads.
  var modality: Backbone.Modality { tokenizer == nil ? .images : .texts }

  /// Decodes or tokenizes the examples of a split; images tell the progress, and as notes what was skipped.
  ///
  /// Of the examples to train on no class must lose all. Throws `DatasetError`.
  package func batches(
    of examples: [Example], split: Split, name: String? = nil, skipUnreadable: Bool, isTraining: Bool = false,
    device: Device,
    onEvent: (FineTuneEvent) throws -> Void = { _ in }
  ) throws -> ExampleBatches {
    switch self {
    case .images(let preprocessing):
      ExampleBatches(
        try ImageStore.decode(
          examples, preprocessing: preprocessing, skipUnreadable: skipUnreadable, keepsClasses: isTraining,
          name: name ?? split.rawValue, onEvent: onEvent),
        device: device)
    case .texts(let tokenizer): ExampleBatches(try TextStore(examples, tokenizer: tokenizer), device: device)
    }
  }
}

extension InputPreparation {
  /// What a model's metadata say of how texts become numbers.
  private struct TextMetadata: Codable {
    var maxTokens: Int
    /// The CRC-32 of `vocab.txt`, in hexadecimal.
    var vocabulary: String
  }

  /// The entry in `model.safetensors`: `preprocessing` or `tokenizer`, as JSON.
  func metadata() throws -> (key: String, value: String) {
    switch self {
    case .images(let preprocessing): (MetadataKey.preprocessing, try JSON.line(preprocessing))
    case .texts(let tokenizer):
      (
        MetadataKey.tokenizer,
        try JSON.line(
          TextMetadata(
            maxTokens: tokenizer.maxTokens, vocabulary: String(tokenizer.vocabulary.checksum, radix: 16)))
      )
    }
  }

  /// What a run's model says; of texts with the vocabulary beside it.
  ///
  /// Throws ``TrainingError/unreadableRun(path:reason:)`` where it says nothing readable, and where the vocabulary is
  /// not the one that the model was trained with.
  init(_ metadata: [String: String], of run: RunFolder) throws {
    func decoded<Value: Decodable>(_ text: String, as type: Value.Type) throws -> Value {
      guard let value = try? JSON.decode(type, from: Data(text.utf8)) else {
        throw TrainingError.unreadableRun(
          path: run.model, reason: "no readable preprocessing or tokenizer in the metadata")
      }
      return value
    }
    guard let text = metadata[MetadataKey.tokenizer] else {
      self = .images(try decoded(metadata[MetadataKey.preprocessing] ?? "", as: Preprocessing.self))
      return
    }
    let saved = try decoded(text, as: TextMetadata.self)
    guard saved.maxTokens >= 3 else {
      throw TrainingError.unreadableRun(path: run.model, reason: "its metadata give texts \(saved.maxTokens) tokens")
    }
    let vocabulary = try Vocabulary(path: run.vocabulary)
    guard String(vocabulary.checksum, radix: 16) == saved.vocabulary else {
      throw TrainingError.unreadableRun(
        path: run.vocabulary, reason: "not the vocabulary that the model was trained with")
    }
    self = .texts(WordPieceTokenizer(vocabulary, maxTokens: saved.maxTokens))
  }
}

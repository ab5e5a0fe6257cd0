import Backbones
import Datasets
import Foundation
import Support
import Weights

extension FineTuneOptions {
  /// Refuses options that belong to the other kind of examples; before the data are looked at.
  package func validateModality(of backbone: Backbone) throws(TrainingError) {
    let model = backbone.name
    switch backbone.modality {
    case .images:
      try require(
        vocabulary == nil && maxTokens == nil,
        "--vocab and --max-tokens belong to networks of texts, and \(model) reads images. Leave them out.")
    case .texts:
      if let size { throw .invalidOption("--size \(size): \(model) reads texts. Leave it out, or pass --max-tokens.") }
      try require(resize == .square, "--resize \(resize.rawValue): \(model) reads texts. Leave it out.")
      try require(
        augmentation == .cropAndFlip, "--augment \(augmentation.rawValue): \(model) reads texts. Leave it out.")
      if let maxTokens {
        try require(
          (3...backbone.inputSize).contains(maxTokens),
          "--max-tokens \(maxTokens): expected 3 (a piece between [CLS] and [SEP]) to \(backbone.inputSize), the "
            + "positions that \(model) has.")
      }
    }
  }

  /// Refuses data of the other kind of examples, by ``TrainingError/invalidOption(_:)``.
  func validateModality(of backbone: Backbone, for dataset: Dataset) throws(TrainingError) {
    let holds = dataset.holdsTexts ? Backbone.Modality.texts : .images
    try require(
      holds == backbone.modality,
      "--model \(model): reads \(backbone.modality.rawValue), but \(data) holds \(holds.rawValue). Pass a --model of "
        + "\(holds.rawValue); gridless models lists them.")
  }

  /// How the examples become the network's input, of which pixels are normalised as the weights want it.
  ///
  /// The vocabulary is `vocab`'s, else that beside the weights, else one made from the training texts. Throws
  /// ``TrainingError/invalidOption(_:)`` where the vocabulary has more tokens than the weights have embeddings, and
  /// `DatasetError` for a vocabulary that cannot be read.
  func preparation(
    for backbone: Backbone, normalization: InputNormalization, of dataset: Dataset, training examples: [Example],
    weights: PretrainedWeights?, _ configuration: FineTuneConfiguration,
    _ onEvent: (FineTuneEvent) throws -> Void
  ) throws -> InputPreparation {
    guard backbone.modality == .texts else {
      return .images(
        Preprocessing(
          size: configuration.size ?? backbone.inputSize, resize: configuration.resize,
          for: normalization))
    }
    let vocabulary = try wordPieces(of: examples, beside: weights?.file.path, onEvent)
    if let weights, let rows = backbone.vocabularySize(of: weights.tensors), vocabulary.tokens.count > rows {
      throw TrainingError.invalidOption(
        "\(vocabulary.name): \(vocabulary.tokens.count) tokens, but \(weights.file.path) has embeddings of \(rows). Pass --vocab "
          + "with the vocab.txt of these weights.")
    }
    // That of the training texts is in lower case, but for letters that have none.
    let cased = vocabulary.tokens.count { !$0.hasPrefix("[") && $0.lowercased() != $0 }
    guard 100 * cased < vocabulary.tokens.count || (weights == nil && self.vocabulary == nil) else {
      throw TrainingError.invalidOption(
        "\(vocabulary.name): \(cased) of its \(vocabulary.tokens.count) tokens have capitals, but \(model) reads texts in lower "
          + "case. Pass weights whose vocabulary is uncased, such as bert-base-uncased.")
    }
    return .texts(WordPieceTokenizer(vocabulary, maxTokens: configuration.maxTokens ?? backbone.inputSize))
  }

  private func wordPieces(
    of examples: [Example], beside weights: String?, _ onEvent: (FineTuneEvent) throws -> Void
  ) throws -> Vocabulary {
    if let vocabulary { return try Vocabulary(path: vocabulary) }
    if let weights {
      let beside = sibling("vocab.txt", of: weights)
      guard FileManager.default.fileExists(atPath: beside) else {
        throw TrainingError.invalidOption(
          "--vocab is missing: \(beside) is not there. Pass the vocab.txt that \(weights) was trained with.")
      }
      return try Vocabulary(path: beside)
    }
    var trainer = VocabularyTrainer()
    for example in examples { if let text = example.source.text { trainer.add(text) } }
    let vocabulary = try trainer.vocabulary(name: "the vocabulary of the training texts")
    try onEvent(
      .note("a vocabulary of \(vocabulary.tokens.count) word pieces was made from the training texts: vocab.txt"))
    return vocabulary
  }
}

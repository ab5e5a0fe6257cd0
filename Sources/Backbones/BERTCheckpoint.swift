import Weights

/// A checkpoint of a BERT under the names of Hugging Face's `BertForSequenceClassification`.
///
/// Published checkpoints have others: LayerNorm's `gamma` and `beta` of TensorFlow, no `bert.` where the file is the bare
/// `BertModel`, the heads of pretraining (`cls.…`), and a buffer `position_ids`. Names are put right, heads of pretraining
/// and buffers left out.
struct BERTCheckpoint: TensorSource {
  let path: String
  let shapes: [(name: String, shape: [Int])]
  private let file: any TensorSource
  private let originals: [String: String]

  /// The embeddings of tokens, whose rows are the vocabulary's size.
  static let wordEmbeddings = "bert.embeddings.word_embeddings.weight"

  init(_ file: any TensorSource) {
    (self.file, path) = (file, file.path)
    let isBare = !file.shapes.contains { $0.name.hasPrefix("bert.") }
    let renamed: [(name: String, shape: [Int], original: String)] = file.shapes.compactMap { name, shape in
      if name.hasPrefix("cls.") || name.hasSuffix(".position_ids") { return nil }
      var result = name
      for (old, new) in [("LayerNorm.gamma", "LayerNorm.weight"), ("LayerNorm.beta", "LayerNorm.bias")]
      where name.hasSuffix(old) {
        result = name.dropLast(old.count) + new
      }
      return (isBare && !name.hasPrefix("classifier.") ? "bert." + result : result, shape, name)
    }
    shapes = renamed.map { ($0.name, $0.shape) }
    originals = Dictionary(renamed.map { ($0.name, $0.original) }, uniquingKeysWith: { first, _ in first })
  }

  func floats(_ name: String) throws -> [Float] { try file.floats(originals[name] ?? name) }

  func floats(_ name: String, part: Range<Int>) throws -> [Float] {
    try file.floats(originals[name] ?? name, part: part)
  }
}

extension Backbone {
  /// The number of tokens that a checkpoint of a network of texts has embeddings of; nil where it has none.
  public func vocabularySize(of file: any TensorSource) -> Int? {
    BERTCheckpoint(file).shapes.first { $0.name == BERTCheckpoint.wordEmbeddings }?.shape.first
  }
}

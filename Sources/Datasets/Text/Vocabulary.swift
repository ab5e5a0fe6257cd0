import Foundation
import Support

/// The word pieces of a language model: a token's place in the list is its number.
///
/// Pieces that go on within a word begin with `##` (Wu et al., arXiv 1609.08144; Devlin et al., NAACL 2019).
public struct Vocabulary: Sendable, Equatable {
  /// The tokens in the order of their numbers.
  public let tokens: [String]
  /// What the vocabulary is called in messages: its file, or what it was made from.
  public let name: String
  /// The number of `[UNK]`, a word that has no pieces.
  package let unknown: Int32
  /// The number of `[CLS]`, which starts a text.
  package let start: Int32
  /// The number of `[SEP]`, which ends a text.
  package let end: Int32

  /// BERT's special tokens, in the order in which a new vocabulary begins.
  ///
  /// `[PAD]` and `[MASK]` are there for other programs.
  static let specialTokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

  /// A vocabulary of these tokens.
  ///
  /// Throws `DatasetError.malformed` with the line of `name` where a token stands twice, and where `[UNK]`, `[CLS]` or
  /// `[SEP]` is missing.
  public init(_ tokens: [String], name: String) throws(DatasetError) {
    // Strings compare by canonical equivalence, tokens by their scalars.
    var numbers: [[UInt8]: Int] = [:]
    for (number, token) in tokens.enumerated() {
      if let first = numbers.updateValue(number, forKey: Array(token.utf8)), !token.isEmpty {
        throw .malformed(
          path: name, line: number + 1, reason: "the token '\(token)' stands on line \(first + 1) already. Remove one.")
      }
    }
    func special(_ token: String) throws(DatasetError) -> Int32 {
      guard let number = numbers[Array(token.utf8)] else {
        throw .malformed(
          path: name, line: nil,
          reason: "no token \(token) among \(tokens.count). Pass the vocab.txt of a BERT, one token a line.")
      }
      return Int32(number)
    }
    (unknown, start, end) = (try special("[UNK]"), try special("[CLS]"), try special("[SEP]"))
    (self.tokens, self.name) = (tokens, name)
  }

  /// Reads a `vocab.txt`: one token a line, as Hugging Face's models have it.
  ///
  /// Throws `DatasetError.malformed`.
  public init(path: String) throws(DatasetError) {
    guard FileKind(path) == .file else {
      throw .malformed(
        path: path, line: nil, reason: "no such vocabulary. Pass --vocab with the vocab.txt of the weights.")
    }
    var lines = try readTable(path).split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    try self.init(
      lines.map { String(decoding: $0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0, as: UTF8.self) }, name: path)
  }

  /// The bytes of the `vocab.txt`.
  public var file: Data { Data(tokens.map { $0 + "\n" }.joined().utf8) }

  /// The CRC-32 of ``file``.
  package var checksum: UInt32 { file.withUnsafeBytes { CRC32.of($0) } }

  /// Whether both have the same tokens in the same order.
  public static func == (one: Vocabulary, other: Vocabulary) -> Bool { one.file == other.file }
}

/// Turns texts into the numbers of word pieces, as Hugging Face's `bert-base-uncased` does.
///
/// ```swift
/// let tokenizer = WordPieceTokenizer(try Vocabulary(path: "vocab.txt"))
/// tokenizer.tokens(of: "Unaffable!")        // ["un", "##aff", "##able", "!"]
/// tokenizer.encode("Unaffable!")            // [CLS] … [SEP], as numbers
/// ```
public struct WordPieceTokenizer: Sendable {
  /// The pieces.
  public let vocabulary: Vocabulary
  /// The most numbers of a text, `[CLS]` and `[SEP]` included; what is longer is cut.
  public let maxTokens: Int

  /// Longer words, in Unicode scalars, are unknown.
  static let longestWord = 100

  /// Two tries in one table: where each scalar leads from a node, and which node ends a piece.
  private let edges: [UInt64: Int32]
  private let ends: [Int32]
  private static let wordRoot: Int32 = 0
  private static let restRoot: Int32 = 1

  /// A tokenizer of a vocabulary; `maxTokens` is at least 3, so that a text has room for a piece.
  public init(_ vocabulary: Vocabulary, maxTokens: Int = 512) {
    precondition(maxTokens >= 3, "a text needs [CLS], a piece and [SEP], found room for \(maxTokens)")
    (self.vocabulary, self.maxTokens) = (vocabulary, maxTokens)
    var edges: [UInt64: Int32] = [:]
    var ends: [Int32] = [-1, -1]
    for (number, token) in vocabulary.tokens.enumerated() {
      let isRest = token.utf8.starts(with: "##".utf8) && token.utf8.count > 2
      var node = isRest ? Self.restRoot : Self.wordRoot
      for scalar in token.unicodeScalars.dropFirst(isRest ? 2 : 0) {
        let key = Self.key(node, scalar)
        if let next = edges[key] {
          node = next
        } else {
          node = Int32(ends.count)
          edges[key] = node
          ends.append(-1)
        }
      }
      if !token.isEmpty { ends[Int(node)] = Int32(number) }
    }
    (self.edges, self.ends) = (edges, ends)
  }

  /// The pieces of a text, without `[CLS]` and `[SEP]` and however many they are.
  public func tokens(of text: String) -> [String] {
    pieces(of: text, atMost: .max).map { vocabulary.tokens[Int($0)] }
  }

  /// The numbers of `[CLS]`, of the text's pieces as far as there is room, and of `[SEP]`.
  public func encode(_ text: String) -> [Int32] {
    [vocabulary.start] + pieces(of: text, atMost: maxTokens - 2) + [vocabulary.end]
  }

  private func pieces(of text: String, atMost limit: Int) -> [Int32] {
    var pieces: [Int32] = []
    for word in BasicTokenizer.words(of: text) {
      if pieces.count >= limit { break }
      pieces += self.pieces(of: word)
    }
    return pieces.count > limit ? Array(pieces.prefix(limit)) : pieces
  }

  /// The longest piece that begins the word, then the longest that begins the rest, and so on; `[UNK]` if one is
  /// missing.
  private func pieces(of word: [Unicode.Scalar]) -> [Int32] {
    guard word.count <= Self.longestWord else { return [vocabulary.unknown] }
    var pieces: [Int32] = []
    var start = 0
    while start < word.count {
      var node = start == 0 ? Self.wordRoot : Self.restRoot
      var longest: (end: Int, number: Int32)?
      for position in start..<word.count {
        guard let next = edges[Self.key(node, word[position])] else { break }
        node = next
        if ends[Int(node)] >= 0 { longest = (position + 1, ends[Int(node)]) }
      }
      guard let longest else { return [vocabulary.unknown] }
      pieces.append(longest.number)
      start = longest.end
    }
    return pieces
  }

  private static func key(_ node: Int32, _ scalar: Unicode.Scalar) -> UInt64 {
    UInt64(node) << 32 | UInt64(scalar.value)
  }
}

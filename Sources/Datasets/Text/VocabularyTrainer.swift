/// Makes a vocabulary of word pieces from texts, by joining the most frequent pairs.
///
/// Words are ``BasicTokenizer``'s, each at first cut into characters, all but the first with `##`. Again and again the
/// pair of neighbouring pieces that is most frequent becomes a piece, until the vocabulary has the asked size or no
/// pair occurs twice. So does the trainer of Hugging Face's `tokenizers`, after Sennrich et al. (ACL 2016, algorithm
/// 1); of pairs that are equally frequent the one whose pieces came first is joined, so that equal texts make equal
/// vocabularies.
public struct VocabularyTrainer {
  /// The size that is made where none is asked for.
  public static let defaultSize = 8000
  /// The most different characters that are kept, the most frequent ones.
  static let mostCharacters = 1000
  /// A pair that occurs less often is not joined.
  static let leastFrequency = 2

  /// The tokens that are wanted, special ones included.
  public let size: Int
  private var wordCounts: [[Unicode.Scalar]: Int] = [:]

  /// A trainer of a vocabulary of at most so many tokens.
  ///
  /// Where the characters of the texts alone are more, they are all that is in it.
  public init(size: Int = Self.defaultSize) { self.size = size }

  /// Counts the words of a text.
  public mutating func add(_ text: String) {
    for word in BasicTokenizer.words(of: text) where word.count <= WordPieceTokenizer.longestWord {
      wordCounts[word, default: 0] += 1
    }
  }

  /// The vocabulary of the texts so far; `name` is what messages call it.
  ///
  /// Special tokens come first, then characters by code point, then pieces in the order of their making.
  public func vocabulary(name: String) throws(DatasetError) -> Vocabulary {
    // The order of words decides nothing but the order of sums.
    let words = wordCounts.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    var pieces = Pieces(special: Vocabulary.specialTokens, characters: Self.characters(of: words))
    var merger = PairMerger(words.compactMap { word, count in pieces.split(word).map { ($0, count) } })
    while pieces.tokens.count < size, let pair = merger.mostFrequent(atLeast: Self.leastFrequency) {
      // Two pairs can make one piece, as a + ##bc and ab + ##c.
      merger.join(pair, into: pieces.number(of: pieces.joined(pair)))
    }
    return try Vocabulary(pieces.tokens, name: name)
  }

  /// The most frequent characters, by code point.
  private static func characters(of words: [(key: [Unicode.Scalar], value: Int)]) -> [Unicode.Scalar] {
    var counts: [Unicode.Scalar: Int] = [:]
    for (word, count) in words { for scalar in word { counts[scalar, default: 0] += count } }
    let frequent = counts.sorted { ($1.value, $0.key.value) < ($0.value, $1.key.value) }.prefix(mostCharacters)
    return frequent.map(\.key).sorted { $0.value < $1.value }
  }

  /// The tokens that there are, and their numbers.
  private struct Pieces {
    private(set) var tokens: [String]
    private var numbers: [[UInt8]: Int32]

    init(special: [String], characters: [Unicode.Scalar]) {
      tokens = special + characters.map(String.init) + characters.map { "##\($0)" }
      numbers = Dictionary(
        zip(tokens.map { Array($0.utf8) }, tokens.indices.map(Int32.init)), uniquingKeysWith: { first, _ in first })
    }

    /// A word's characters; nil if one of them was too rare.
    func split(_ word: [Unicode.Scalar]) -> [Int32]? {
      var pieces: [Int32] = []
      for (position, scalar) in word.enumerated() {
        guard let piece = numbers[Array((position == 0 ? "\(scalar)" : "##\(scalar)").utf8)] else { return nil }
        pieces.append(piece)
      }
      return pieces
    }

    /// What two pieces read as one.
    func joined(_ pair: PairMerger.Pair) -> String {
      tokens[Int(pair.left)] + tokens[Int(pair.right)].dropFirst(2)
    }

    /// The number of a piece, new or not.
    mutating func number(of token: String) -> Int32 {
      if let number = numbers[Array(token.utf8)] { return number }
      tokens.append(token)
      numbers[Array(token.utf8)] = Int32(tokens.count - 1)
      return Int32(tokens.count - 1)
    }
  }
}

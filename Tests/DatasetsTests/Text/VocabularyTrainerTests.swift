import Datasets
import Testing

@Suite struct VocabularyTrainerTests {
  /// Against a plain implementation that counts all pairs anew before each merge (Tests/golden/text/make.py).
  @Test func agreesWithThePlainRule() throws {
    struct File: Decodable {
      let texts: [String]
      let size: Int
      let tokens: [String]
    }
    let golden = try TextGolden.load("trained.json", as: File.self)
    for texts in [golden.texts, golden.texts.reversed()] {
      var trainer = VocabularyTrainer(size: golden.size)
      for text in texts { trainer.add(text) }
      let tokens = try trainer.vocabulary(name: "v").tokens
      #expect(tokens.map { Array($0.utf8) } == golden.tokens.map { Array($0.utf8) })
    }
  }

  @Test func joinsTheMostFrequentPairFirst() throws {
    var trainer = VocabularyTrainer(size: 100)
    for text in ["low low low low low", "lower lower", "newest newest newest newest newest newest", "aaaa"] {
      trainer.add(text)
    }
    let tokens = try trainer.vocabulary(name: "v").tokens
    #expect(tokens.prefix(5) == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    // w + e occurs 8 times; then l + o 7 times, then ##s + ##t, of 6 like others, by its numbers.
    let pieces = tokens.drop { $0 != "##we" }
    #expect(pieces.prefix(2) == ["##we", "lo"])
    #expect(tokens.contains("newest") && tokens.contains("low") && tokens.contains("lower"))
    // One occurrence of "aaaa" has ##a + ##a twice.
    #expect(tokens.contains("##aa") && !tokens.contains("aaaa"))
    let tokenizer = WordPieceTokenizer(try trainer.vocabulary(name: "v"))
    #expect(
      tokenizer.tokens(of: "lowest").first == "low" && tokenizer.tokens(of: "lowest").last?.hasSuffix("st") == true)
  }

  @Test func sizesAndEmptyTexts() throws {
    var trainer = VocabularyTrainer(size: 12)
    #expect(try trainer.vocabulary(name: "v").tokens.count == 5)
    trainer.add("ab ab ab")
    #expect(try trainer.vocabulary(name: "v").tokens.suffix(5) == ["a", "b", "##a", "##b", "ab"])
    trainer.add("abcdefgh abcdefgh")
    #expect(try trainer.vocabulary(name: "v").tokens.count == 5 + 16)
  }
}

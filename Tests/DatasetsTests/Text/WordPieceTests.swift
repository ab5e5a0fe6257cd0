import Datasets
import Foundation
import Testing

/// Words and word pieces against Hugging Face's `tokenizers` (Tests/golden/text/make.py).
@Suite struct WordPieceTests {
  private func tokenizer(maxTokens: Int = 64) throws -> WordPieceTokenizer {
    return WordPieceTokenizer(try Vocabulary(path: "\(TextGolden.folder)/vocab.txt"), maxTokens: maxTokens)
  }

  /// Every code point of Unicode between two letters: cleaning, decomposition, lower case and splitting.
  @Test func everyCodePoint() throws {
    struct File: Decodable {
      struct Run: Decodable {
        let hash: String
        let count: Int
      }
      let runs: [Run]
    }
    let golden = try TextGolden.load("code_points.json", as: File.self).runs
      .flatMap { Array(repeating: $0.hash, count: $0.count) }
    #expect(golden.count == 0x110000 / 256)
    var wrong: [String] = []
    for (block, expected) in golden.enumerated() {
      var lines = ""
      for code in UInt32(256 * block)..<UInt32(256 * block + 256) {
        let middle = Unicode.Scalar(code).map { String(Character($0)) } ?? ""
        lines += BasicTokenizer.words(of: "a\(middle)b").map(text).joined(separator: " ") + "\n"
      }
      if TextGolden.hash(lines) != expected { wrong.append(String(256 * block, radix: 16)) }
    }
    #expect(wrong.isEmpty, "blocks of 256 code points that differ, by their first")
  }

  private func text(_ word: [Unicode.Scalar]) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: word)
    return String(view)
  }

  @Test func oddCorpus() throws {
    struct File: Decodable {
      let texts: [String]
      let numbers: [[Int32]]
    }
    let golden = try TextGolden.load("corpus.json", as: File.self)
    let tokenizer = try tokenizer()
    #expect(golden.texts.count == 420)
    for (text, numbers) in zip(golden.texts, golden.numbers) {
      #expect(
        tokenizer.encode(text) == numbers, "\(text.unicodeScalars.prefix(40).map { String($0.value, radix: 16) })")
    }
  }

  @Test(.enabled(if: Shared.hasAGNews)) func agNews() throws {
    struct File: Decodable { let hashes: [String] }
    let golden = try TextGolden.load("ag_news.json", as: File.self).hashes
    let texts = try Dataset.open("\(Shared.agNews)/test.csv").splits[.train] ?? []
    let tokenizer = try tokenizer()
    let found = texts.prefix(golden.count).map { example in
      TextGolden.hash(tokenizer.encode(example.source.text ?? "").map { "\($0)" }.joined(separator: " "))
    }
    #expect(texts.count == 7600 && found == golden)
  }

  @Test func whatTheRulesSay() throws {
    let vocabulary = try Vocabulary(
      ["[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "!", "##", "caf", "##e", "[", "sep", "]", ""], name: "v")
    let tokenizer = WordPieceTokenizer(vocabulary, maxTokens: 5)
    #expect(tokenizer.tokens(of: "  UNaffable!\n") == ["un", "##aff", "##able", "!"])
    #expect(tokenizer.tokens(of: "unaffably café") == ["[UNK]", "caf", "##e"])
    // The names of special tokens are text, so that no text can end itself.
    #expect(tokenizer.tokens(of: "[SEP]") == ["[", "sep", "]"])
    #expect(tokenizer.encode("unaffable un un") == [1, 3, 4, 5, 2])
    #expect(tokenizer.encode("") == [1, 2])
    // Invalid UTF-8, such as a lone surrogate, is read as the replacement character, which is dropped.
    let bytes: [UInt8] = [0x75, 0xED, 0xA0, 0x80, 0x6E]
    #expect(tokenizer.tokens(of: String(decoding: bytes, as: UTF8.self)) == ["un"])
    #expect(
      tokenizer.tokens(of: String(repeating: "un", count: 50) + "n") == ["[UNK]"],
      "a word of more than 100 characters")
  }

  @Test func vocabulariesThatCannotBeUsed() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("vocab.txt").path
    func message(_ content: String) throws -> String {
      try Data(content.utf8).write(to: URL(fileURLWithPath: path))
      return try #require(throws: DatasetError.self) { try Vocabulary(path: path) }.description
    }
    #expect(try message("[UNK]\n[CLS]\na\n").contains("\(path): no token [SEP] among 3"))
    #expect(try message("[UNK]\na\nb\na\n").contains("\(path):4: the token 'a' stands on line 2 already"))
    #expect(throws: DatasetError.self) { try Vocabulary(path: path + "x") }
    try Data("[UNK]\r\n[CLS]\r\n[SEP]\r\né\r\ne\u{301}\r\n".utf8).write(to: URL(fileURLWithPath: path))
    let read = try Vocabulary(path: path)
    #expect(read.tokens.map(\.unicodeScalars.count) == [5, 5, 5, 1, 2])
    try read.file.write(to: URL(fileURLWithPath: path))
    #expect(try Vocabulary(path: path) == read)
  }
}

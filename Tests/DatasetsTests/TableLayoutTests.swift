import Datasets
import Foundation
import Testing

@Suite struct TableLayoutTests {
  private func open(_ text: String, name: String = "list.csv", options: Dataset.Options = .init()) throws -> Dataset {
    let scratch = try Scratch()
    try scratch.write(name, text)
    let dataset = try Dataset.open("\(scratch.path)/\(name)", options: options)
    #expect(dataset.path == "\(scratch.path)/\(name)")
    return dataset
  }

  private func sources(_ dataset: Dataset, _ split: Split) -> [Example.Source]? { dataset.splits[split]?.map(\.source) }

  @Test func quotesFollowRFC4180() throws {
    let dataset = try open(
      "\u{FEFF}label,id,path\r\n\"cat, \"\"big\"\"\",1,a b.jpg\r\n\r\ndog,2,\"/abs/two\nlines.png\"\ndog,3,x/é.webp")
    #expect(dataset.layout == .table)
    #expect(dataset.classes == ["cat, \"big\"", "dog"])
    #expect(dataset.splits[.train]?.map(\.label) == [0, 1, 1])
    let folder = dataset.path.dropLast("/list.csv".count)
    #expect(
      sources(dataset, .train) == [
        .file("\(folder)/a b.jpg"), .file("/abs/two\nlines.png"), .file("\(folder)/x/é.webp"),
      ])
  }

  /// In text with tabs a quote is often a character as any other, and two of them would make one row of two.
  @Test func quotedFieldsOverLinesAreToldOfTabs() throws {
    let rows = "text\tlabel\nplain\ta\n\"bad text\tb\n\"worse\tb\n"
    let dataset = try open(rows, name: "list.tsv")
    #expect(sources(dataset, .train)?.compactMap(\.text) == ["plain", "bad text\tb\nworse"])
    #expect(dataset.notes.contains { $0.contains("list.tsv:3: a quoted field goes on in the next line") })
    let commas = try open("text,label\nplain,a\n\"two\nlines\",b\n")
    #expect(!commas.notes.contains { $0.contains("quoted") })
  }

  @Test func blanksAroundColumnNamesDoNotCount() throws {
    let dataset = try open("path, Label ,split\n/1.jpg,b,train\n/2.jpg,a,train\n")
    #expect(sources(dataset, .train) == [.file("/1.jpg"), .file("/2.jpg")] && dataset.classes == ["a", "b"])
  }

  @Test func tabsAndSplits() throws {
    let text =
      "path\tlabel\tsplit\n/1,1.jpg\tb\ttrain\n/2.jpg\ta\ttest\n/3.jpg\ta\ttrain\n/4.jpg\tb\ttest\n/5.jpg\ta\tval\n"
    let dataset = try open(text, name: "list.tsv")
    #expect(sources(dataset, .train) == [.file("/1,1.jpg"), .file("/3.jpg")])
    #expect(sources(dataset, .test) == [.file("/2.jpg"), .file("/4.jpg")])
    #expect(sources(dataset, .val) == [.file("/5.jpg")])
    #expect(dataset.splits[.train]?.map(\.label) == [1, 0])
  }

  @Test(arguments: [
    "path,\"a\tb\",label\n/1.jpg,1,x\n/2.jpg,2,y\n", "\"a \"\"b\tc\"\"\",path,label\n1,/1.jpg,x\n2,/2.jpg,y\n",
    // A quote within a field opens none.
    "5\" wide\tpath\tlabel\n1\t/1.jpg\tx\n2\t/2.jpg\ty\n", "\"a,b\"\tpath\tlabel\n1\t/1.jpg\tx\n2\t/2.jpg\ty\n",
  ]) func theDelimiterStandsOutsideQuotes(_ text: String) throws {
    let dataset = try open(text)
    #expect(sources(dataset, .train) == [.file("/1.jpg"), .file("/2.jpg")])
    #expect(dataset.classes == ["x", "y"])
  }

  @Test func mistakesNameTheLine() throws {
    let mistakes: [(text: String, line: Int, words: String)] = [
      ("path,label\na.jpg,x\nb.jpg\n", 3, "1 fields, expected 2"),
      ("path,label\na.jpg,\n", 2, "empty path or label"),
      ("path,label,split\na.jpg,x,valid\n", 2, "split 'valid', expected train, val or test"),
      ("path,label\n\"a\nb\",x\n\"c.jpg,x\n", 4, "never closed"),
      ("path,label,Label\na.jpg,x,y\n", 1, "more than one column label"),
      ("text,text,label\na,b,x\n", 1, "more than one column text"),
    ]
    for (text, line, words) in mistakes {
      let error = #expect(throws: DatasetError.self) { try open(text) }
      guard case .malformed(_, let found, let reason) = error else {
        Issue.record("\(text): \(String(describing: error))")
        continue
      }
      #expect(found == line)
      #expect(reason.contains(words))
    }
  }

  @Test func classesThatDifferByBlanksAreTold() throws {
    let dataset = try open("path,label\n/1.jpg,x\n/2.jpg,x \n/3.jpg, y\n/4.jpg,z\n")
    #expect(dataset.classes == [" y", "x", "x ", "z"])
    #expect(
      dataset.notes.filter { $0.contains("blanks") } == [
        "'x', 'x ' are classes of their own, though they differ by blanks only"
      ])
  }

  @Test func listsOfNames() throws {
    #expect(try names(inList: "cat,\"crane, \"\"bird\"\"\",,a\tb") == ["cat", "crane, \"bird\"", "a\tb"])
    #expect(throws: DatasetError.self) { try names(inList: "cat,\"crane") }
    for all in [["a"], ["a,b", "c\"d", "e\nf", "\"g"], [" h ", "i\tj"]] {
      #expect(try names(inList: list(ofNames: all)) == all)
    }
  }

  /// Latin-1's é and è, both replaced, would be one class.
  @Test func otherEncodingsAreRefused() throws {
    var bytes = Array("path,label\n/1.jpg,x\n/2.jpg,caf".utf8) + [0xE9, 0x0A]
    bytes += Array("/3.jpg,caf".utf8) + [0xE8, 0x0A]
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("gridless-\(UUID()).csv").path
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    let error = #expect(throws: DatasetError.self) { try Dataset.open(path) }
    guard case .malformed(_, let line, let reason) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(line == 3)
    #expect(reason.contains("not UTF-8"))
  }

  @Test func digits() throws {
    func row(_ value: Int, _ label: Int) -> String {
      (Array(repeating: "0", count: 63) + ["\(value)", "\(label)"]).joined(separator: ",")
    }
    // Five rows: the first two train, the rest test.
    let text = [row(16, 5), row(8, 6), row(1, 5), row(0, 6), row(4, 6)].joined(separator: "\n")
    let dataset = try open(text, name: "digits.csv")
    #expect(dataset.layout == .digits)
    #expect(dataset.classes == ["5", "6"])
    #expect(dataset.splits[.train]?.map(\.label) == [0, 1])
    #expect(dataset.splits[.test]?.map(\.label) == [0, 1, 1])
    let last = try (dataset.splits[.train] ?? []).map { try $0.source.decode() }
    #expect(last.allSatisfy { $0.height == 8 && $0.width == 8 })
    // 16 → 255, 8 → 127.5 rounded up.
    #expect(last.map { Array($0.pixels.suffix(4)) } == [[0, 255, 255, 255], [0, 128, 128, 128]])

    let error = #expect(throws: DatasetError.self) { try open(text + "\n" + row(17, 5), name: "digits.csv") }
    guard case .malformed(_, 6, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }
}

import Datasets
import Foundation
import Testing

/// Regression data sets: a table with a number per image.
@Suite struct ValuesTests {
  private func open(_ text: String, name: String = "list.csv", options: Dataset.Options = .init()) throws -> Dataset {
    let scratch = try Scratch()
    try scratch.write(name, text)
    return try Dataset.open("\(scratch.path)/\(name)", options: options)
  }

  private func values(_ dataset: Dataset, _ split: Split) -> [Double?]? { dataset.splits[split]?.map(\.value) }

  @Test func valuesAndSplits() throws {
    let text = "value\tpath\tsplit\n3\t/a.png\ttrain\n-2.5e1\t/b.png\ttest\n 4.25 \t/c.png\ttrain\n0\t/d.png\tval\n"
    let dataset = try open(text, name: "list.tsv")
    #expect(dataset.targets == .values)
    #expect(dataset.classes.isEmpty)
    #expect(
      dataset.splits[.train] == [
        Example(source: .file("/a.png"), value: 3), Example(source: .file("/c.png"), value: 4.25),
      ])
    #expect(values(dataset, .test) == [-25])
    #expect(values(dataset, .val) == [0])
    #expect(dataset.notes == ["val (1 images) is unused; pass --train-splits train,val to train on it too"])
    let both = try open(text, name: "list.tsv", options: .init(trainSplits: [.train, .val]))
    #expect(values(both, .train) == [3, 4.25, 0])
    let evaluation = try open(text, name: "list.tsv", options: .init(trainSplits: []))
    #expect(values(evaluation, .train) == [3, 4.25] && evaluation.notes.isEmpty)
  }

  @Test func withoutATestSplitANoteSaysSo() throws {
    #expect(try open("path,value\na,1\nb,2\n").notes == ["no test split, so no test metrics will be reported"])
    let missing = #expect(throws: DatasetError.self) {
      try open("path,value\na,1\nb,2\n", options: .init(trainSplits: [.train, .val]))
    }
    #expect(missing?.description.contains("no val split (found train)") == true)
  }

  @Test func mistakesNameTheLine() throws {
    let mistakes: [(text: String, line: Int, words: String)] = [
      ("path,label,value\na,x,1\n", 1, "both a label and a value column"),
      ("path,value\na,1\nb,tall\n", 3, "value 'tall', expected a finite number"),
      ("path,value\na,1\nb,nan\n", 3, "value 'nan', expected a finite number"),
      ("path,value\na,-inf\nb,2\n", 2, "value '-inf', expected a finite number"),
      ("path,value\na,1e999\nb,2\n", 2, "value '1e999', expected a finite number"),
      ("path,value\na,\n", 2, "an empty path or value"),
      ("path,value\na,\"1,5\"\n", 2, "value '1,5', expected a finite number"),
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

  @Test func valuesFromWhichNothingCanBeLearnedAreRefused() throws {
    for (text, words) in [
      ("path,value\na,1\n", "found 1 training example, expected at least two"),
      ("path,value\na,7\nb,7\nc,7\n", "found the value 7.0 for all 3 training examples"),
      ("path,value\na,1e300\nb,-1e300\n", "found values whose standard deviation is inf"),
    ] {
      let error = #expect(throws: DatasetError.self) { try open(text) }
      #expect(error?.description.contains(words) == true, "\(String(describing: error))")
    }
  }

  @Test func classesAreRefused() throws {
    let error = #expect(throws: DatasetError.self) {
      try open("path,value\na,1\nb,2\n", options: .init(classes: ["1"]))
    }
    #expect(error?.description.contains("its column value holds numbers") == true)
    #expect(error?.description.contains("leave --classes out") == true)
  }

  /// Subsets lie in each other, keep the order, and depend on the seed alone.
  @Test func subsetsAreNested() throws {
    let text = "path,value\n" + (0..<50).map { "/\($0).png,\($0 * 7 % 50)\n" }.joined()
    func subset(_ n: Int, seed: UInt64 = 3) throws -> [Example] {
      try #require(try open(text, options: .init(n: n, seed: seed)).splits[.train])
    }
    let all = try subset(50)
    var previous: [Example] = []
    for n in 2...50 {
      let current = try subset(n)
      #expect(current.count == n)
      #expect(previous.allSatisfy(current.contains))
      #expect(all.filter(current.contains) == current)
      previous = current
    }
    #expect(try subset(10) != subset(10, seed: 4))
    #expect(throws: DatasetError.subsetTooLarge(n: 51, available: 50)) { try subset(51) }
    for n in [1, 0, -3] {
      let error = #expect(throws: DatasetError.self) { try subset(n) }
      #expect(error?.description.contains("found --n \(n), expected at least two training examples") == true)
    }
  }

  @Test func theSpreadIsThatOfThePlainFormulas() throws {
    let values = (0..<100).map { 1.6e9 + 250 * sin(Double($0)) }
    let spread = try ValueSpread(values, path: "x")
    let mean = values.reduce(0) { $0 + ($1 - 1.6e9) } / 100
    let variance = values.reduce(0) { $0 + pow($1 - 1.6e9 - mean, 2) } / 100
    #expect(abs(spread.mean - 1.6e9 - mean) < 1e-5)
    #expect(abs(spread.deviation / variance.squareRoot() - 1) < 1e-9)
  }

  @Test func theStoreKeepsValuesOfReadableImages() throws {
    let image = RGBImage(height: 8, width: 8, pixels: Array(repeating: 9, count: 192))
    let examples = [
      Example(source: .pixels(image), value: 2.5), Example(source: .file("/nowhere.png"), value: 1),
      Example(source: .pixels(image), value: -1),
    ]
    let store = try ImageStore(
      examples, preprocessing: Preprocessing(size: 8), options: .init(skipUnreadable: true))
    #expect(store.values == [2.5, -1])
    #expect(
      try ImageStore([Example(source: .pixels(image), label: 1)], preprocessing: Preprocessing(size: 8)).values == nil)
  }
}

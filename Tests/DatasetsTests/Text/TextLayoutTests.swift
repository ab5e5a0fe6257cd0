import Datasets
import Foundation
import Testing

@Suite struct TextLayoutTests {
  private func texts(_ dataset: Dataset, _ split: Split = .train) -> [String] {
    (dataset.splits[split] ?? []).compactMap(\.source.text)
  }

  @Test func tablesWithAHeader() throws {
    let folder = try Scratch([
      "a.csv": "text,label,split\n\"one, two\",b,train\nthree,a,train\nfour,a,test\nfive,b,test\n",
      "a.tsv": "label\ttext\nx\tsome words\ny\tothers\n",
      "v.csv": "text,value\nshort,1\nlonger,2.5\n",
    ])
    let dataset = try Dataset.open(folder.path(of: "a.csv"))
    #expect(dataset.holdsTexts && dataset.layout == .table && dataset.classes == ["a", "b"])
    #expect(texts(dataset) == ["one, two", "three"] && texts(dataset, .test) == ["four", "five"])
    #expect(dataset.splits[.train]?.map(\.label) == [1, 0])
    #expect(dataset.splits[.train]?.first?.source == .text("one, two", file: folder.path(of: "a.csv"), line: 2))
    #expect(texts(try Dataset.open(folder.path(of: "a.tsv"))) == ["some words", "others"])
    let values = try Dataset.open(folder.path(of: "v.csv"))
    #expect(values.targets == .values && values.holdsTexts && values.splits[.train]?.map(\.value) == [1, 2.5])
  }

  @Test func rowsOfClassesAndTexts() throws {
    let rows = "\"2\",\"Title, A\",\"Words \"\"quoted\"\"\"\n\"1\",\"All in the title\",\"\"\n"
    let folder = try Scratch([
      "train.csv": rows, "test.csv": rows, "notes.txt": "not looked at", "one.csv": "3,x\n4,y\n",
    ])
    let dataset = try Dataset.open(folder.path)
    #expect(dataset.layout == .classRows && dataset.classes == ["1", "2"] && dataset.holdsTexts)
    #expect(texts(dataset) == ["Title, A Words \"quoted\"", "All in the title"])
    #expect(texts(dataset, .test) == texts(dataset))
    let one = try Dataset.open(folder.path(of: "one.csv"))
    #expect(one.classes == ["3", "4"] && one.splits[.test] == nil)
    #expect(one.notes == ["no test split, so no test metrics will be reported"])
  }

  @Test func foldersOfTables() throws {
    let folder = try Scratch(["train.tsv": "text\tlabel\na\tx\nb\ty\n", "val.csv": "text,label\nc,x\n"])
    let dataset = try Dataset.open(folder.path)
    #expect(dataset.layout == .tableFolder && texts(dataset) == ["a", "b"] && texts(dataset, .val) == ["c"])
    #expect(dataset.notes.first == "val (1 texts) is unused; pass --train-splits train,val to train on it too")
    let both = try Dataset.open(folder.path, options: Dataset.Options(trainSplits: [.train, .val]))
    #expect(texts(both) == ["a", "b", "c"])
    let empty = try Scratch(["train.csv": "text,label\na,x\nb,y\n", "test.csv": "text,label\n"])
    let error = #expect(throws: DatasetError.self) { try Dataset.open(empty.path) }
    #expect(
      error?.description
        == "\(empty.path(of: "test.csv")):1: a header without rows. Fill it in, or remove the file.")
    // A folder with a split's subfolder is one of images.
    try folder.makeFolder("cats")
    #expect(try Dataset.open(folder.path).layout == .tableFolder)
    try folder.makeFolder("train/cats")
    #expect(throws: DatasetError.emptyClass(path: folder.path(of: "train/cats"))) { try Dataset.open(folder.path) }
  }

  @Test(arguments: [
    ("text,label\na,x\nb\n", ":3: 1 fields, expected 2 as in the header"),
    ("text,label\na,x\n,y\n", ":3: an empty text or label"),
    ("text,value\na,1\nb,many\n", ":3: value 'many', expected a finite number"),
    ("text,path,label\na,b,c\n", ":1: both a path and a text column"),
    ("text,label,value\na,b,1\n", ":1: both a label and a value column"),
    ("1,words,more\n2,words\n", ":2: 2 fields, expected 3 as in the first line"),
    ("1,words\nx,words\n", ":2: class 'x', expected a number above 0"),
    ("1,words\n2, \n", ":2: no text behind the class"),
    ("text,label\n\"a,x\n", ":2: a quoted field is never closed"),
    ("word,class\na,x\n", "not a data set (found a file whose first line is: word, class)"),
    ("text;label\na;x\n", "first line is: text;label, whose columns commas or tabs are to separate)"),
    ("text,label\n", ":1: a header without rows. Fill it in, or remove the file."),
    ("text,label\na,x\nb,x\n", "one class only (x)"),
  ]) func errorsNameFileAndLine(content: String, message: String) throws {
    let folder = try Scratch(["t.csv": content])
    let error = #expect(throws: DatasetError.self) { try Dataset.open(folder.path(of: "t.csv")) }
    #expect(error?.description.contains(folder.path(of: "t.csv")) == true)
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
  }

  @Test func textsToPredictFrom() throws {
    let folder = try Scratch(["a.csv": "id,text\n1,one\n2,two\n", "b.csv": "1,a,b\n", "c.csv": "words\nx\n"])
    #expect(try Dataset.texts(of: folder.path(of: "a.csv")).map(\.text) == ["one", "two"])
    #expect(try Dataset.texts(of: folder.path(of: "b.csv")).map(\.text) == ["a b"])
    #expect(throws: DatasetError.self) { try Dataset.texts(of: folder.path(of: "c.csv")) }
    #expect(throws: DatasetError.notFound(path: folder.path(of: "d.csv"))) {
      try Dataset.texts(of: folder.path(of: "d.csv"))
    }
  }

  /// Its own README: how many texts there are, of which classes.
  @Test(.enabled(if: Shared.hasAGNews)) func agNews() throws {
    let dataset = try Dataset.open(Shared.agNews)
    #expect(dataset.classes == ["1", "2", "3", "4"])
    let train = dataset.splits[.train] ?? []
    #expect((0..<4).map { label in train.count { $0.label == label } } == [1259, 1257, 1280, 1203])
    #expect(dataset.splits[.test]?.count == 7600)
    let few = try Dataset.open(Shared.agNews, options: Dataset.Options(classes: ["2", "4"], n: 40, seed: 1001))
    #expect(few.splits[.train]?.count == 40 && few.classes == ["2", "4"])
    #expect(few.splits[.train]?.count { $0.label == 0 } == 20)
  }
}

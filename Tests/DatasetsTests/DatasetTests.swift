import Datasets
import Foundation
import Testing

@Suite struct DatasetTests {
  @Test func imageFolder() throws {
    let scratch = try Scratch()
    try scratch.writeImages(
      "train/b/2.jpg", "train/b/10.JPEG", "train/a é/deep/x.jpg", "train/a é/my photo.png", "train/.hidden/a.jpg",
      "train/b/.hidden.jpg", "train/stray.jpg", "val/a é/v.jpg", "val/b/v.jpg", "test/b/t.webp", "test/a é/t.jpg")
    try scratch.write("train/b/notes.txt", "")
    try scratch.makeFolder("raw")
    let dataset = try Dataset.open(scratch.path + "/")
    #expect(dataset.layout == .imageFolder)
    #expect(dataset.classes == ["a é", "b"])
    let relative = try Dataset.open(scratch.path)
    #expect(
      relative.files(.train) == [
        "train/a é/my photo.png = a é", "train/a é/deep/x.jpg = a é", "train/b/10.JPEG = b", "train/b/2.jpg = b",
      ])
    #expect(relative.files(.test) == ["test/a é/t.jpg = a é", "test/b/t.webp = b"])
    #expect(
      relative.notes == [
        "raw/ is ignored (expected train, val or test)", "other files are ignored (.txt: 1)",
        "1 image(s) outside class folders are ignored",
        "val (2 images) is unused; pass --train-splits train,val to train on it too",
      ])
  }

  @Test func mergedTrainSplits() throws {
    let scratch = try Scratch()
    try scratch.writeImages(
      "train/a/1.jpg", "train/b/2.jpg", "val/b/3.jpg", "val/a/4.jpg", "test/a/5.jpg", "test/b/6.jpg")
    let dataset = try Dataset.open(scratch.path, options: .init(trainSplits: try Split.list("train,val")))
    #expect(
      dataset.files(.train) == ["train/a/1.jpg = a", "train/b/2.jpg = b", "val/a/4.jpg = a", "val/b/3.jpg = b"])
    #expect(dataset.splits[.val] == nil)
    #expect(dataset.notes.isEmpty)
    let onlyVal = try Dataset.open(scratch.path, options: .init(trainSplits: [.val]))
    #expect(onlyVal.files(.train) == ["val/a/4.jpg = a", "val/b/3.jpg = b"])
    #expect(throws: DatasetError.unknownSplit("trian")) { try Split.list("trian") }
  }

  @Test func flatFolder() throws {
    let scratch = try Scratch()
    try scratch.writeImages("Zebra/1.jpg", "ape/1.jpg", "ape/2.jpg", "Äffin/1.jpg")
    let dataset = try Dataset.open(scratch.path)
    #expect(dataset.layout == .flatFolder)
    // Python sorts by code point: capitals first, umlauts last.
    #expect(dataset.classes == ["Zebra", "ape", "Äffin"])
    #expect(dataset.splits.keys.sorted { $0.rawValue < $1.rawValue } == [.train])
    #expect(dataset.notes == ["no test split, so no test metrics will be reported"])
    let error = DatasetError.missingSplit(path: scratch.path, split: .val, found: [.train])
    #expect(throws: error) { try Dataset.open(scratch.path, options: .init(trainSplits: [.train, .val])) }
  }

  @Test func classFilter() throws {
    let scratch = try Scratch()
    try scratch.writeImages("train/a/1.jpg", "train/b/1.jpg", "train/c/1.jpg", "test/a/1.jpg", "test/c/1.jpg")
    #expect(throws: DatasetError.self) { try Dataset.open(scratch.path) }
    let dataset = try Dataset.open(scratch.path, options: .init(classes: ["c", "a"]))
    #expect(dataset.classes == ["a", "c"])
    #expect(dataset.files(.train) == ["train/a/1.jpg = a", "train/c/1.jpg = c"])
    #expect(throws: DatasetError.unknownClasses(["x"], known: ["a", "b", "c"])) {
      try Dataset.open(scratch.path, options: .init(classes: ["a", "x"]))
    }
  }

  @Test func evaluation() throws {
    let scratch = try Scratch()
    try scratch.writeImages("test/b/1.jpg", "test/c/1.jpg")
    #expect(throws: DatasetError.missingSplit(path: scratch.path, split: .train, found: [.test])) {
      try Dataset.open(scratch.path)
    }
    let dataset = try Dataset.open(scratch.path, options: .init(trainSplits: [], classes: ["a", "b"]))
    #expect(dataset.classes == ["a", "b"])
    #expect(dataset.splits[.test]?.map(\.label) == [1])
    #expect(dataset.notes == ["without examples: a", "classes that are left out: c"])
  }

  /// Strings compare by canonical equivalence, and so both spellings of é are one class.
  @Test func foldersWhoseNamesAreEqualAreOneClass() throws {
    let scratch = try Scratch()
    let (two, one) = ("e\u{301}", "\u{E9}")
    try scratch.writeImages(
      "train/\(two)/1.jpg", "train/z/2.jpg", "train/\(one)/3.jpg", "test/z/4.jpg", "test/\(one)/5.jpg")
    let dataset = try Dataset.open(scratch.path)
    #expect(dataset.classes == [two, "z"])
    #expect(dataset.splits[.train]?.map(\.label) == [0, 1, 0])
    #expect(dataset.splits[.test]?.map(\.label) == [1, 0])
    let few = try Dataset.open(scratch.path, options: .init(n: 2))
    #expect(Set(few.splits[.train]?.map(\.label) ?? []) == [0, 1])
    // A model may name a class twice.
    let evaluated = try Dataset.open(scratch.path, options: .init(trainSplits: [], classes: [one, "z", two]))
    #expect(evaluated.classes.count == 3 && evaluated.splits[.test]?.map(\.label) == [1, 0])
  }

  @Test func splitsOfOtherNamesAreNoClasses() throws {
    let scratch = try Scratch()
    try scratch.writeImages(
      "splits/Training/a/1.jpg", "splits/Training/b/1.jpg", "splits/Testing/a/1.jpg", "splits/Testing/b/1.jpg",
      "classes/Testing/1.jpg", "classes/Tasting/1.jpg")
    let path = scratch.path(of: "splits")
    let error = #expect(throws: DatasetError.self) { try Dataset.open(path) }
    #expect(
      error?.description
        == "\(path): found Testing, Training, which are no classes but splits, expected train, val and test. "
        + "Rename the folders to these.")
    #expect(try Dataset.open(scratch.path(of: "classes")).classes == ["Tasting", "Testing"])
    try scratch.writeImages(
      "words/seg_train/a/1.jpg", "words/seg_test/a/1.jpg", "words/seg_pred/1/1.jpg", "flat/train_images/1.jpg",
      "flat/test_images/1.jpg", "kinds/freight train/1.jpg", "kinds/passenger_train/1.jpg", "things/test-tube/1.jpg",
      "things/train-station/1.jpg")
    for splits in ["words", "flat"] {
      #expect(throws: DatasetError.self) { try Dataset.open(scratch.path(of: splits)) }
    }
    #expect(try Dataset.open(scratch.path(of: "things")).classes == ["test-tube", "train-station"])
    #expect(try Dataset.open(scratch.path(of: "kinds")).classes == ["freight train", "passenger_train"])
  }

  /// A table names the images below it, unless there are split folders.
  @Test func aTableMayStandBesideItsImages() throws {
    let scratch = try Scratch([
      "tables/train.csv": "path,label\nimages/1.jpg,x\nimages/2.jpg,y\n", "folders/train.csv": "path,label\n1.jpg,x\n",
      "classes/train.csv": "id,size\n1,2\n", "broken/train.csv": "Text,Path,label\n\"never closed",
    ])
    try scratch.writeImages(
      "tables/images/1.jpg", "tables/images/2.jpg", "folders/train/a/1.jpg", "folders/train/b/1.jpg",
      "classes/a/1.jpg", "classes/b/1.jpg", "broken/a/1.jpg", "broken/b/1.jpg")
    let tables = try Dataset.open(scratch.path(of: "tables"))
    #expect(tables.layout == .tableFolder && tables.files(.train) == ["images/1.jpg = x", "images/2.jpg = y"])
    #expect(try Dataset.open(scratch.path(of: "folders")).layout == .imageFolder)
    for folder in ["classes", "broken"] {
      #expect(try Dataset.open(scratch.path(of: folder)).classes == ["a", "b"])
    }
  }

  /// A name on the disk cannot command the terminal that an error is printed to.
  @Test func controlCharactersOfNamesAreEscaped() {
    let folder = DatasetError.emptyClass(path: "a/\u{1B}]0;title\u{7}\u{202E}y")
    #expect(folder.description.hasPrefix("a/\\u{1b}]0;title\\u{7}\\u{202e}y: a class folder without images"))
    let classes = DatasetError.unknownClasses(["\u{9B}2J"], known: ["é", "赤"])
    #expect(classes.description == "no such class: \\u{9b}2J. The data set has é, 赤.")
  }

  /// A table is no image, which could be left out.
  @Test func aTableThatCannotBeReadIsNotToBeSkipped() throws {
    let scratch = try Scratch()
    let error = #expect(throws: DatasetError.self) { try Dataset.texts(of: scratch.path) }
    #expect(error?.description == "\(scratch.path): found a folder, expected a CSV or TSV file of texts.")
  }

  @Test(.enabled(if: geteuid() != 0, "root may read all files")) func tablesWithoutPermissionAreTold() throws {
    let scratch = try Scratch([
      "t.csv": "text,label\na,x\nb,y\n", "vocab.txt": "[UNK]\n[CLS]\n[SEP]\n", "cifar/batches.meta.txt": "a\nb\n",
      "cifar/data_batch_1.bin": "", "pets/annotations/trainval.txt": "a_1 1 1 1\n", "pets/images/none": "",
      "pets/annotations/test.txt": "a_2 1 1 1\n", "flowers/imagelabels.mat": "", "flowers/setid.mat": "",
      "flowers/jpg/none": "",
    ])
    let cases = [
      ("t.csv", "t.csv"), ("cifar", "cifar/batches.meta.txt"), ("pets", "pets/annotations/trainval.txt"),
      ("flowers", "flowers/imagelabels.mat"), ("vocab.txt", "vocab.txt"),
    ]
    for (name, file) in cases {
      try #require(chmod(scratch.path(of: file), 0) == 0)
      let error = #expect(throws: DatasetError.self) {
        if name == "vocab.txt" {
          _ = try Vocabulary(path: scratch.path(of: name))
        } else {
          _ = try Dataset.open(scratch.path(of: name))
        }
      }
      let words = "cannot be read (Permission denied). Check the path and its permissions."
      #expect(error?.description == "\(scratch.path(of: file)): \(words)")
    }
  }

  @Test func symbolicLinksDoNotLoop() throws {
    let scratch = try Scratch()
    try scratch.writeImages("a/1.jpg", "b/1.jpg")
    try FileManager.default.createSymbolicLink(
      atPath: "\(scratch.path)/a/again", withDestinationPath: "\(scratch.path)/a")
    #expect(try Dataset.open(scratch.path).files(.train) == ["a/1.jpg = a", "b/1.jpg = b"])
  }

  /// A run's or a study's folder may lie among the classes, and images without a class beside training's.
  @Test func whatGridlessMadeIsNoClass() throws {
    let scratch = try Scratch()
    try scratch.writeImages("a/1.jpg", "c/1.jpg")
    try scratch.write("b/config.json", "{}")
    try scratch.write("d/study.json", "{}")
    let flat = try Dataset.open(scratch.path)
    #expect(flat.classes == ["a", "c"] && !flat.notes.contains { $0.contains("other files") })
    #expect(flat.files(.train) == ["a/1.jpg = a", "c/1.jpg = c"])
    for name in ["b", "d"] {
      #expect(flat.notes.contains("\(name)/ is ignored: a run, a study or a checkpoint, and no class"), "\(flat.notes)")
    }
  }

  @Test func testImagesWithoutClassesAreToldAndLeftOut() throws {
    let scratch = try Scratch()
    try scratch.writeImages("train/a/1.jpg", "train/b/1.jpg", "test/1.jpg", "test/2.jpg")
    let dataset = try Dataset.open(scratch.path)
    #expect(dataset.splits[.test] == nil && dataset.splits[.train]?.count == 2)
    #expect(
      dataset.notes.contains(
        "test/ is ignored: none of its 2 image(s) lies in a class folder (gridless predict takes such)"),
      "\(dataset.notes)")
  }

  @Test func mistakesAreNamed() throws {
    let scratch = try Scratch()
    func open(_ name: String) throws -> Dataset { try Dataset.open("\(scratch.path)/\(name)") }
    func path(_ name: String) -> String { "\(scratch.path)/\(name)" }

    #expect(throws: DatasetError.notFound(path: path("nowhere"))) { try open("nowhere") }

    try scratch.writeImages("hole/train/a/1.jpg")
    try scratch.makeFolder("hole/train/b")
    let hole = #expect(throws: DatasetError.emptyClass(path: path("hole/train/b"))) { try open("hole") }
    #expect(hole?.description.hasSuffix("Add images, or remove the folder.") == true)

    try scratch.writeImages("lonely/tulip/1.jpg")
    #expect(throws: DatasetError.tooFewClasses(path: path("lonely"), classes: ["tulip"])) { try open("lonely") }

    try scratch.writeImages("odd/train/a/1.jpg", "odd/train/b/1.jpg", "odd/test/a/1.jpg", "odd/test/c/1.jpg")
    let odd = #expect(
      throws: DatasetError.classMismatch(path: path("odd"), onlyInTraining: ["b"], onlyInTest: ["c"])
    ) { try open("odd") }
    #expect(odd?.description.contains("(only in training: b; only in test: c)") == true)

    try scratch.makeFolder("bare")
    try scratch.write("model.bin", [0, 1, 2])
    try scratch.write("prose.txt", "once upon a time")
    try scratch.write("nothing.csv", "")
    for name in ["bare", "model.bin", "prose.txt", "nothing.csv"] {
      let error = #expect(throws: DatasetError.self) { try open(name) }
      guard case .unrecognized(path(name), _) = error else {
        Issue.record("\(name): \(String(describing: error))")
        continue
      }
    }
  }

  @Test(.enabled(if: Shared.hasFlowers)) func flowers89() throws {
    let dataset = try Dataset.open(Shared.flowers)
    #expect(dataset.classes.count == 89)
    #expect(Split.allCases.map { dataset.splits[$0]?.count } == [728, 706, 1731])
    #expect(dataset.notes == ["val (706 images) is unused; pass --train-splits train,val to train on it too"])
    let both = try Dataset.open(Shared.flowers, options: .init(trainSplits: [.train, .val], n: 178))
    #expect(both.splits[.train]?.count == 178)
  }
}

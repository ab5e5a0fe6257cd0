import Datasets
import Foundation
import Testing

/// Flower-102 and Oxford-IIIT Pet as they are published.
@Suite struct OfficialLayoutTests {
  // MARK: Flower-102

  /// Images 1 to 15, with the lists that SciPy wrote.
  private func flowers(in folder: String = "") throws -> Scratch {
    let scratch = try Scratch()
    for image in 1...15 { try scratch.writeImages("\(folder)jpg/image_\(image < 10 ? "0000" : "000")\(image).jpg") }
    for name in ["imagelabels.mat", "setid.mat"] {
      try scratch.write(
        "\(folder)\(name)", [UInt8](Data(contentsOf: URL(fileURLWithPath: "\(MATFileTests.folder)/flowers/\(name)"))))
    }
    return scratch
  }

  @Test("in the folder, or in torchvision's inside it", arguments: ["", "flowers-102/"])
  func flowers102(_ folder: String) throws {
    let scratch = try flowers(in: folder)
    let dataset = try Dataset.open(scratch.path)
    #expect(dataset.layout == .flowers102)
    #expect(dataset.classes == ["1", "2", "3"])
    // Labels 1 1 1 1 1 3 3 3 3 3 2 2 2 2 2 in the lists' order, not in the images'.
    #expect(
      dataset.files(.train)
        == [(1, 1), (6, 3), (11, 2), (2, 1), (7, 3), (12, 2)].map { image, label in
          "\(folder)jpg/image_\(image < 10 ? "0000" : "000")\(image).jpg = \(label)"
        })
    #expect(dataset.splits[.val]?.map(\.label) == [0, 2, 1])
    #expect(dataset.splits[.test]?.map(\.label) == [1, 0, 2, 1, 0, 2])
    #expect(dataset.notes == ["val (3 images) is unused; pass --train-splits train,val to train on it too"])
  }

  @Test func flowersWithoutTheirParts() throws {
    for name in ["setid.mat", "jpg"] {
      let scratch = try flowers()
      try FileManager.default.removeItem(atPath: "\(scratch.path)/\(name)")
      let error = #expect(throws: DatasetError.self) { try Dataset.open(scratch.path) }
      #expect(error?.description.contains("not setid.mat and jpg/") == true)
    }
    // Each list in the other's place.
    let scratch = try flowers()
    let files = FileManager.default
    try files.moveItem(atPath: "\(scratch.path)/setid.mat", toPath: "\(scratch.path)/s")
    try files.copyItem(atPath: "\(scratch.path)/imagelabels.mat", toPath: "\(scratch.path)/setid.mat")
    let splits = #expect(throws: DatasetError.self) { try Dataset.open(scratch.path) }
    #expect(splits?.description.contains("setid.mat: no matrix trnid (found labels)") == true)
    try files.removeItem(atPath: "\(scratch.path)/imagelabels.mat")
    try files.copyItem(atPath: "\(scratch.path)/s", toPath: "\(scratch.path)/imagelabels.mat")
    let labels = #expect(throws: DatasetError.self) { try Dataset.open(scratch.path) }
    #expect(labels?.description.contains("no matrix labels (found trnid, tstid, valid)") == true)
  }

  // MARK: Oxford-IIIT Pet

  private let trainval = "Abyssinian_100 1 1 1\namerican_bulldog_7 2 2 1\nAbyssinian_2 1 1 1\nBirman_1 3 1 2\n"
  private let test = "Birman_20 3 1 2\namerican_bulldog_1 2 2 1\nAbyssinian_9 1 1 1\n"

  private func pets(in folder: String = "", trainval: String? = nil) throws -> Scratch {
    let scratch = try Scratch()
    for line in (self.trainval + test).split(separator: "\n") {
      try scratch.writeImages("\(folder)images/\(line.prefix { $0 != " " }).jpg")
    }
    try scratch.write("\(folder)annotations/trainval.txt", trainval ?? self.trainval)
    try scratch.write("\(folder)annotations/test.txt", test)
    return scratch
  }

  @Test("in the folder, or in torchvision's inside it", arguments: ["", "oxford-iiit-pet/"])
  func oxfordPets(_ folder: String) throws {
    let scratch = try pets(in: folder)
    let dataset = try Dataset.open(scratch.path)
    #expect(dataset.layout == .oxfordPets)
    #expect(dataset.classes == ["Abyssinian", "american_bulldog", "Birman"])
    #expect(
      dataset.files(.train)
        == [
          "images/Abyssinian_100.jpg = Abyssinian", "images/american_bulldog_7.jpg = american_bulldog",
          "images/Abyssinian_2.jpg = Abyssinian", "images/Birman_1.jpg = Birman",
        ].map { folder + $0 })
    #expect(dataset.splits[.test]?.map(\.label) == [2, 1, 0])
    #expect(dataset.notes.isEmpty)
  }

  /// A list may give one name to two classes' numbers.
  @Test func petsOfOneNameAreOneClass() throws {
    let scratch = try pets(trainval: trainval.replacingOccurrences(of: "Abyssinian_2 1", with: "Abyssinian_2 4"))
    let dataset = try Dataset.open(scratch.path)
    #expect(dataset.classes == ["Abyssinian", "american_bulldog", "Birman"])
    #expect(dataset.splits[.train]?.map(\.label) == [0, 1, 0, 2])
    #expect(dataset.splits[.test]?.map(\.label) == [2, 1, 0])
  }

  @Test(
    arguments: [
      ("#Image CLASS-ID SPECIES BREED\n", "no image is listed"),
      ("Abyssinian_100 1 1 1\nBirman 3 1 2\n", ":2: expected a name such as Abyssinian_1"),
      ("Abyssinian_100 1 1\n", ":1: expected a name such as"), ("../x_1 1 1 1\n", ":1: expected a name such as"),
      ("Abyssinian_100 1 1 1\nBirman_1 1 1 2\n", ":2: class 1 is Birman here, and another before"),
    ])
  func aListThatIsNone(_ list: String, _ words: String) throws {
    let scratch = try pets(trainval: list)
    let error = #expect(throws: DatasetError.self) { try Dataset.open(scratch.path) }
    let text = error?.description ?? ""
    #expect(text.hasPrefix("\(scratch.path)/annotations/trainval.txt") && text.contains(words), "\(text)")
  }
}

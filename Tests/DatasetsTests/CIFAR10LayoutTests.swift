import Datasets
import Foundation
import Testing

@Suite struct CIFAR10LayoutTests {
  private let names = "airplane\nautomobile\nbird\n\n"

  /// A record whose red, green and blue planes count up from different values.
  private func record(_ label: UInt8) -> [UInt8] {
    [label] + (0..<3072).map { UInt8(truncatingIfNeeded: $0 % 1024 + 50 * ($0 / 1024) + Int(label)) }
  }

  private func scratch(in folder: String) throws -> Scratch {
    let scratch = try Scratch()
    for batch in 1...5 { try scratch.write("\(folder)data_batch_\(batch).bin", record(UInt8(batch % 3)) + record(0)) }
    try scratch.write("\(folder)test_batch.bin", record(2) + record(1) + record(0))
    try scratch.write("\(folder)batches.meta.txt", names)
    return scratch
  }

  @Test("in the folder, or in the archive's folder inside it", arguments: ["", "cifar-10-batches-bin/"])
  func reading(_ folder: String) throws {
    let scratch = try scratch(in: folder)
    let dataset = try Dataset.open(scratch.path)
    #expect(dataset.layout == .cifar10)
    #expect(dataset.classes == ["airplane", "automobile", "bird"])
    #expect(dataset.splits[.train]?.map(\.label) == [1, 0, 2, 0, 0, 0, 1, 0, 2, 0])
    #expect(dataset.splits[.test]?.map(\.label) == [2, 1, 0])
    let image = try #require(try dataset.splits[.test]?[1].source.decode())
    #expect(image.height == 32 && image.width == 32)
    // Pixel 0 is the first of each plane, pixel 33 the second of row 1.
    #expect(Array(image.pixels[0..<3]) == [1, 51, 101])
    #expect(Array(image.pixels[99..<102]) == [34, 84, 134])
  }

  @Test func mistakesNameTheFile() throws {
    let damages: [(file: String, bytes: [UInt8]?, words: String)] = [
      ("data_batch_3.bin", Array(record(0).dropLast()), "3072 bytes, expected a multiple of 3073"),
      ("data_batch_2.bin", record(3), "label 3 at byte 0, expected 0 to 2"),
      ("data_batch_4.bin", nil, "missing"),
      ("batches.meta.txt", nil, "missing"),
    ]
    for (file, bytes, words) in damages {
      let scratch = try scratch(in: "")
      if let bytes {
        try scratch.write(file, bytes)
      } else {
        try FileManager.default.removeItem(atPath: "\(scratch.path)/\(file)")
      }
      let error = #expect(throws: DatasetError.self) { try Dataset.open(scratch.path) }
      #expect(error?.description.hasPrefix("\(scratch.path)/\(file): \(words)") == true)
    }
  }
}

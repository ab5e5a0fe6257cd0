import Datasets
import Foundation
import Testing

/// What Pillow and torchvision made of the images in `Tests/golden/images` (see `make_images.py` there).
struct Golden: Decodable {
  struct Pixels: Decodable, CustomTestStringConvertible {
    var file: String
    var height: Int
    var width: Int
    var offset: Int
    var testDescription: String { "\(file) \(width)x\(height)" }
  }
  struct Input: Decodable, CustomTestStringConvertible {
    var file: String
    var preprocessing: Preprocessing
    var offset: Int
    var testDescription: String { "\(file) \(preprocessing.resize) \(preprocessing.channelOrder)" }
  }
  var decoded: [Pixels]
  var resized: [Pixels]
  var inputs: [Input]

  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "golden/images").path
  static let index: Golden = {
    guard let json = FileManager.default.contents(atPath: "\(folder)/expected.json"),
      let index = try? JSONDecoder().decode(Golden.self, from: json)
    else { return Golden(decoded: [], resized: [], inputs: []) }
    return index
  }()
  static let bytes = [UInt8](FileManager.default.contents(atPath: "\(folder)/expected.bin") ?? Data())

  static func path(_ file: String) -> String { "\(folder)/files/\(file)" }
  static func contents(_ file: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path(file))))
  }

  /// The largest difference in grey levels, 256 if the shapes differ.
  static func difference(_ image: RGBImage, _ expected: Pixels) -> Int {
    guard image.height == expected.height, image.width == expected.width else { return 256 }
    return zip(image.pixels, bytes[expected.offset...]).map { abs(Int($0) - Int($1)) }.max() ?? 256
  }
}

/// A folder that is removed when the test ends.
final class Scratch {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appending(path: "datasets-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// A folder with these texts.
  convenience init(_ files: [String: String]) throws {
    try self.init()
    for (name, text) in files { try write(name, text) }
  }

  func path(of name: String) -> String { "\(path)/\(name)" }

  /// Writes a file below the folder, making the folders on its way.
  func write(_ name: String, _ bytes: [UInt8]) throws {
    let url = URL(fileURLWithPath: "\(path)/\(name)")
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: url)
  }

  func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

  func makeFolder(_ name: String) throws {
    try FileManager.default.createDirectory(atPath: "\(path)/\(name)", withIntermediateDirectories: true)
  }

  /// Copies a small JPEG to each name.
  func writeImages(_ names: String...) throws {
    let bytes = try Golden.contents("rgb_420.jpg")
    for name in names { try write(name, bytes) }
  }
}

extension Dataset {
  /// The file names of a split below the root, with the class of each.
  func files(_ split: Split) -> [String] {
    (splits[split] ?? []).map { example in
      guard case .file(let file) = example.source else { return "not a file" }
      return "\(file.dropFirst(path.count + 1)) = \(classes[example.label])"
    }
  }
}

/// The data shared between checkouts, beside the package; absent in a plain clone.
enum Shared {
  static let flowers = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "shared/data/flowers89").path
  static let hasFlowers: Bool = {
    let found = FileManager.default.fileExists(atPath: flowers)
    if !found { print("skipping the flowers89 tests: no ../shared/data/flowers89") }
    return found
  }()
}

import Foundation

/// What `Tests/golden/text/make.py` wrote.
enum TextGolden {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "golden/text").path

  static func load<Value: Decodable>(_ file: String, as type: Value.Type) throws -> Value {
    try JSONDecoder().decode(type, from: Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(file)")))
  }

  /// FNV-1a of the UTF-8 bytes, as 16 digits.
  static func hash(_ text: String) -> String {
    let value = text.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

extension Shared {
  static let agNews = URL(fileURLWithPath: flowers).deletingLastPathComponent().appending(path: "ag_news").path
  static let hasAGNews: Bool = {
    let found = FileManager.default.fileExists(atPath: agNews)
    if !found { print("skipping the AG News tests: no ../shared/data/ag_news") }
    return found
  }()
}

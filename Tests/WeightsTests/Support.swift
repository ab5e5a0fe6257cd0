import Foundation

/// The path of `name` in a new folder that `body` may fill; the folder is removed afterwards.
func withTemporaryFile<Result>(_ name: String = "weights.safetensors", _ body: (String) throws -> Result) throws
  -> Result
{
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("weights-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder.appendingPathComponent(name).path)
}

/// A file of `header`, its true length before it unless `length` claims another, and `data` zero bytes.
func safetensors(_ header: String, length: UInt64? = nil, data: Int = 0) -> Data {
  let text = Data(header.utf8)
  let prefix = withUnsafeBytes(of: (length ?? UInt64(text.count)).littleEndian) { Data($0) }
  return prefix + text + Data(count: data)
}

/// The folder that holds the package.
let packageRoot = URL(fileURLWithPath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

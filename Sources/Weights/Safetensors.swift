import Foundation
import Support

/// Writes safetensors files.
public enum Safetensors {
  /// Writes `arrays` and `metadata` to `path`, whole or not at all.
  ///
  /// The same input gives the same bytes: tensors stand in the reference implementation's order (widest type first,
  /// then by name), metadata by key, and the header is padded with spaces to a multiple of 8.
  /// Throws `WeightsError.unwritable` for a repeated or reserved name, or bytes that do not fit the shape, and
  /// `AtomicFileError` where the system refuses; a file that was there before then stays.
  ///
  /// With `checksum` the file's last tensor, the four bytes `crc32`, is the little-endian CRC-32 of all bytes before
  /// it; ``SafetensorsFile/verifyChecksum()`` compares. Source: the safetensors specification.
  public static func write(
    _ arrays: [NamedArray], metadata: [String: String] = [:], checksum: Bool = false, to path: String
  ) throws {
    let order = Dictionary(uniqueKeysWithValues: ScalarType.allCases.enumerated().map { ($1, $0) })
    let sorted = arrays.sorted { left, right in
      left.dtype == right.dtype
        ? left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
        : (order[left.dtype] ?? 0) > (order[right.dtype] ?? 0)
    }
    guard checksum else {
      try check(sorted, path: path)
      return try AtomicFile.write([header(sorted, metadata: metadata)] + sorted.map(\.bytes), to: path)
    }
    let all = sorted + [NamedArray(name: checksumName, dtype: .u8, shape: [4], bytes: Data(count: 4))]
    try check(all, path: path)
    let parts = [header(all, metadata: metadata)] + sorted.map(\.bytes)
    let crc = parts.reduce(0) { crc, part in part.withUnsafeBytes { CRC32.of($0, continuing: crc) } }
    try AtomicFile.write(parts + [withUnsafeBytes(of: crc.littleEndian) { Data($0) }], to: path)
  }

  /// The tensor that holds a file's checksum.
  static let checksumName = "crc32"

  private static func check(_ arrays: [NamedArray], path: String) throws(WeightsError) {
    var names: Set<String> = ["__metadata__"]
    for array in arrays {
      guard names.insert(array.name).inserted else {
        throw .unwritable(path: path, problem: "the tensor name '\(array.name)' is reserved or occurs twice")
      }
      guard array.dtype.byteCount(shape: array.shape) == array.bytes.count else {
        let kind = "\(array.dtype.rawValue) \(array.shape)"
        throw .unwritable(path: path, problem: "tensor '\(array.name)', \(kind), was given \(array.bytes.count) bytes")
      }
    }
  }

  /// The header's length and its padded JSON.
  private static func header(_ arrays: [NamedArray], metadata: [String: String]) -> Data {
    var members: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(quoted($0.value))" }
      members.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
    }
    var begin = 0
    for array in arrays {
      let end = begin + array.bytes.count
      let shape = array.shape.map(String.init).joined(separator: ",")
      members.append(
        "\(quoted(array.name)):{\"dtype\":\"\(array.dtype.rawValue)\",\"shape\":[\(shape)],\"data_offsets\":[\(begin),\(end)]}"
      )
      begin = end
    }
    var json = Data("{\(members.joined(separator: ","))}".utf8)
    json.append(contentsOf: repeatElement(0x20, count: (8 - json.count % 8) % 8))
    return withUnsafeBytes(of: UInt64(json.count).littleEndian) { Data($0) } + json
  }

  /// `text` as a JSON string.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\u{0}"..<"\u{20}": result += String(format: "\\u%04x", scalar.value)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

import Foundation
import Support

/// A safetensors file, memory-mapped and validated, from which tensors are read by name.
///
/// Nothing that the file claims is believed before it is checked against the file's size, and opening one allocates
/// for its header only. The file must not be shortened while it is open: a mapping then faults, in any program.
/// Source: the safetensors specification.
public final class SafetensorsFile: Sendable {
  /// The path it was opened with.
  public let path: String
  /// The header's `__metadata__`.
  public let metadata: [String: String]
  /// All tensors, in the order of their bytes.
  public let tensors: [TensorInfo]

  private let indices: [String: Int]
  // Never written to, and unmapped only by deinit: safe to share between threads.
  private nonisolated(unsafe) let mapping: UnsafeRawBufferPointer
  private let dataStart: Int
  private let release: @Sendable (UnsafeRawBufferPointer) -> Void

  /// Maps the file at `path` and validates its header.
  ///
  /// Throws `WeightsError.unreadable` where the system refuses, `WeightsError.malformed` where the file is not sound.
  public convenience init(path: String) throws {
    let mapping = try FileMapping.map(path) { size in
      .malformed(path: path, problem: "\(size) bytes, expected at least 8: it is truncated")
    }
    try self.init(mapping, path: path, release: FileMapping.unmap)
  }

  /// A copy of bytes in memory as a file, for tests of thousands of them; at least 8 bytes.
  package convenience init(bytes: Data, path: String) throws {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 64)
    bytes.copyBytes(to: copy)
    try self.init(UnsafeRawBufferPointer(copy), path: path) { $0.deallocate() }
  }

  private init(
    _ mapping: UnsafeRawBufferPointer, path: String, release: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
  ) throws {
    do {
      let header = try Self.header(of: mapping)
      metadata = header.parsed.metadata
      tensors = header.parsed.tensors
      dataStart = header.end
    } catch {
      release(mapping)
      throw WeightsError.malformed(path: path, problem: error.text)
    }
    (self.path, self.mapping, self.release) = (path, mapping, release)
    indices = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
  }

  deinit { release(mapping) }

  /// The entry of the tensor called `name`, or nil.
  public func info(_ name: String) -> TensorInfo? {
    indices[name].map { tensors[$0] }
  }

  /// Calls `body` with the stored little-endian bytes of the tensor called `name`, which may be unaligned.
  ///
  /// Throws `WeightsError.noTensor`, and what `body` throws.
  public func withBytes<Result>(
    of name: String, _ body: (TensorInfo, UnsafeRawBufferPointer) throws -> Result
  ) throws -> Result {
    guard let info = info(name) else { throw WeightsError.noTensor(path: path, name: name) }
    let start = dataStart + info.byteRange.lowerBound
    return try withExtendedLifetime(self) {
      try body(info, UnsafeRawBufferPointer(rebasing: mapping[start..<start + info.byteRange.count]))
    }
  }

  /// The elements of the tensor called `name`, outermost side first, whatever its type, rounded to nearest.
  ///
  /// Throws `WeightsError.noTensor`.
  public func floats(_ name: String) throws -> [Float] {
    try withBytes(of: name) { info, bytes in info.dtype.values(bytes) }
  }

  /// The elements of `part` of the tensor called `name`, counted in its order.
  ///
  /// Throws `WeightsError.noTensor`, and `WeightsError.malformed` where the tensor is shorter.
  public func floats(_ name: String, part: Range<Int>) throws -> [Float] {
    try withBytes(of: name) { info, bytes in
      let size = info.dtype.byteCount
      guard part.lowerBound >= 0, part.upperBound <= info.count else {
        throw WeightsError.malformed(path: path, problem: "'\(name)' has \(info.count) elements, \(part) are needed")
      }
      return info.dtype.values(
        UnsafeRawBufferPointer(rebasing: bytes[part.lowerBound * size..<part.upperBound * size]))
    }
  }

  /// The elements of the tensor called `name`, outermost side first, whatever its type.
  ///
  /// Exact but for 64-bit integers beyond 2^53. Throws `WeightsError.noTensor`.
  public func doubles(_ name: String) throws -> [Double] {
    try withBytes(of: name) { info, bytes in info.dtype.values(bytes) }
  }

  /// The CRC-32 of the whole file.
  public func checksum() -> UInt32 { withExtendedLifetime(self) { CRC32.of(mapping) } }

  /// Compares the file with the checksum that ``Safetensors/write(_:metadata:checksum:to:)`` put at its end.
  ///
  /// Throws `WeightsError.malformed` where it has none or differs.
  public func verifyChecksum() throws(WeightsError) {
    guard tensors.last?.name == Safetensors.checksumName, mapping.count >= 12 else {
      throw .malformed(path: path, problem: "it has no checksum")
    }
    let end = mapping.count - 4
    let expected = UInt32(littleEndian: mapping.loadUnaligned(fromByteOffset: end, as: UInt32.self))
    let found = withExtendedLifetime(self) { CRC32.of(UnsafeRawBufferPointer(rebasing: mapping[..<end])) }
    guard found == expected else {
      throw .malformed(
        path: path,
        problem: "its checksum is \(String(found, radix: 16)), expected \(String(expected, radix: 16)): it is damaged")
    }
  }

  private static func header(
    of mapping: UnsafeRawBufferPointer
  ) throws(JSONProblem) -> (parsed: SafetensorsHeader, end: Int) {
    if mapping.starts(with: Array("PK\u{3}\u{4}".utf8)) {
      throw JSONProblem("it is a zip archive, as PyTorch's .pth files are; expected safetensors")
    }
    let length = UInt64(littleEndian: mapping.loadUnaligned(as: UInt64.self))
    guard length <= SafetensorsHeader.maximumLength else {
      throw JSONProblem("it claims a header of \(length) bytes; at most \(SafetensorsHeader.maximumLength) are allowed")
    }
    let end = 8 + Int(length)
    guard end <= mapping.count else {
      throw JSONProblem("it claims a header of \(length) bytes but has \(mapping.count) in all: it is truncated")
    }
    let bytes = UnsafeRawBufferPointer(rebasing: mapping[8..<end])
    return (try SafetensorsHeader(bytes: bytes, dataCount: mapping.count - end), end)
  }
}

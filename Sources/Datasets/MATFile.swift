import CZlib
import Foundation

/// The numeric matrices of a MATLAB 5 MAT-file, compressed or not.
///
/// Read as strictly as "MAT-File Format" (The MathWorks), level 5, has it, little-endian; matrices of other classes are
/// skipped. Every length is compared with what is there before memory is taken for it.
package struct MATFile {
  /// A real matrix.
  package struct Matrix: Equatable {
    /// Its dimensions, two or more.
    package var shape: [Int]
    /// Its values, column after column.
    package var values: [Double]
  }

  /// The matrices by name.
  package let matrices: [String: Matrix]

  /// The most numbers that a file may hold, and the most bytes that a matrix may have; Flower-102's hold kilobytes.
  static let limit = 1 << 22

  /// Reads a file.
  ///
  /// Throws `DatasetError.malformed`.
  init(path: String) throws(DatasetError) { try self.init(readTable(path), path: path) }

  /// Reads a file's bytes.
  ///
  /// Throws `DatasetError.malformed`.
  package init(_ bytes: [UInt8], path: String) throws(DatasetError) {
    func damaged(_ problem: Problem) -> DatasetError {
      .malformed(path: path, line: nil, reason: "not a MATLAB 5 file (\(problem.reason)). Fetch it again.")
    }
    do throws(Problem) {
      guard bytes.count >= 128 else { throw Problem("\(bytes.count) bytes, expected a header of 128") }
      guard Array(bytes[126..<128]) == Array("IM".utf8), bytes[125] == 1 else {
        throw Problem("its header is not that of a little-endian one")
      }
      var (matrices, reader, held) = ([String: Matrix](), Reader(bytes[128...]), 0)
      while !reader.isAtEnd {
        guard let (name, matrix) = try Self.matrix(try reader.element()) else { continue }
        guard matrices.updateValue(matrix, forKey: name) == nil else { throw Problem("two matrices '\(name)'") }
        held += matrix.values.count
        guard held <= Self.limit else { throw Problem("more than \(Self.limit) numbers") }
      }
      self.matrices = matrices
    } catch {
      throw damaged(error)
    }
  }

  private struct Problem: Error {
    let reason: String
    init(_ reason: String) { self.reason = reason }
  }

  private enum Kind: UInt32 {
    case int8 = 1, uint8, int16, uint16, int32, uint32, single
    case double = 9
    case int64 = 12, uint64, matrix, compressed
    case utf8 = 16, utf16, utf32
  }

  private struct Element {
    var kind: Kind
    var bytes: ArraySlice<UInt8>
  }

  /// Takes elements from bytes: a tag of type and length, the data, and zeros up to a multiple of eight.
  private struct Reader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func element() throws(Problem) -> Element {
      let first = try word()
      // Up to four bytes lie in the tag itself, with their number in its upper half.
      let isSmall = first >> 16 != 0
      let count = isSmall ? Int(first >> 16) : Int(try word())
      guard let kind = Kind(rawValue: first & 0xFFFF) else { throw Problem("an element of type \(first & 0xFFFF)") }
      guard !isSmall || count <= 4 else { throw Problem("\(count) bytes in a tag that holds 4") }
      let bytes = try take(count)
      if isSmall {
        _ = try take(4 - count)
      } else if kind != .compressed {
        _ = try take(min(rest.count, -count & 7))
      }
      return Element(kind: kind, bytes: bytes)
    }

    private mutating func word() throws(Problem) -> UInt32 { try take(4).reversed().reduce(0) { $0 << 8 | UInt32($1) } }

    private mutating func take(_ count: Int) throws(Problem) -> ArraySlice<UInt8> {
      guard count <= rest.count else { throw Problem("an element of \(count) bytes where \(rest.count) are left") }
      defer { rest = rest.dropFirst(count) }
      return rest.prefix(count)
    }
  }

  /// The matrix in an element and its name; nil for what is no real numeric one.
  private static func matrix(_ element: Element) throws(Problem) -> (String, Matrix)? {
    switch element.kind {
    case .compressed:
      var reader = Reader(try inflated(element.bytes)[...])
      let inner = try reader.element()
      guard inner.kind == .matrix, reader.isAtEnd else { throw Problem("a compressed element that is no matrix") }
      return try matrix(inner)
    case .matrix: break
    default: return nil
    }
    try bound(element.bytes.count)
    var reader = Reader(element.bytes)
    let flags = try reader.element()
    guard flags.kind == .uint32, flags.bytes.count == 8, let kind = flags.bytes.first else {
      throw Problem("a matrix without flags")
    }
    // Classes 6 to 15 are numeric; bit 3 of the second byte says that an imaginary part follows.
    let isComplex = flags.bytes[flags.bytes.startIndex + 1] & 8 != 0
    guard (6...15).contains(kind), !isComplex else { return nil }
    let sides = try numbers(try reader.element())
    let shape = sides.compactMap { Int(exactly: $0) }
    guard shape.count == sides.count else { throw Problem("dimensions \(sides)") }
    guard shape.count >= 2, shape.allSatisfy({ $0 >= 0 }) else { throw Problem("dimensions \(shape)") }
    let title = try reader.element()
    let values = try numbers(try reader.element())
    guard reader.isAtEnd else { throw Problem("something behind a matrix") }
    let count = shape.reduce(1 as Int?) { product, side in
      guard let (count, overflow) = product?.multipliedReportingOverflow(by: side), !overflow else { return nil }
      return count
    }
    guard count == values.count else { throw Problem("\(values.count) values in a matrix of \(shape)") }
    return (String(decoding: title.bytes, as: UTF8.self), Matrix(shape: shape, values: values))
  }

  private static func bound(_ count: Int) throws(Problem) {
    guard count <= limit else { throw Problem("a matrix of \(count) bytes, expected at most \(limit)") }
  }

  /// The numbers of an element, which may be stored in a smaller type than the matrix's own.
  private static func numbers(_ element: Element) throws(Problem) -> [Double] {
    func read<Number>(_: Number.Type, _ value: (Number) -> Double) throws(Problem) -> [Double] {
      let size = MemoryLayout<Number>.size
      guard element.bytes.count % size == 0 else { throw Problem("\(element.bytes.count) bytes of numbers of \(size)") }
      return element.bytes.withUnsafeBytes { bytes in
        stride(from: 0, to: bytes.count, by: size).map {
          value(bytes.loadUnaligned(fromByteOffset: $0, as: Number.self))
        }
      }
    }
    switch element.kind {
    case .int8: return try read(Int8.self) { Double($0) }
    case .uint8: return try read(UInt8.self) { Double($0) }
    case .int16: return try read(Int16.self) { Double($0) }
    case .uint16: return try read(UInt16.self) { Double($0) }
    case .int32: return try read(Int32.self) { Double($0) }
    case .uint32: return try read(UInt32.self) { Double($0) }
    case .int64: return try read(Int64.self) { Double($0) }
    case .uint64: return try read(UInt64.self) { Double($0) }
    case .single: return try read(Float.self) { Double($0) }
    case .double: return try read(Double.self) { $0 }
    default: throw Problem("an element of type \(element.kind.rawValue) where numbers are expected")
    }
  }

  /// Inflates one element: its tag first, which tells the rest's length.
  private static func inflated(_ bytes: ArraySlice<UInt8>) throws(Problem) -> [UInt8] {
    var stream = z_stream()
    guard inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw Problem("zlib does not start")
    }
    defer { inflateEnd(&stream) }
    var (source, status) = (Array(bytes), Z_OK)
    stream.avail_in = UInt32(clamping: source.count)
    /// The next bytes, at most so many.
    func inflate(_ count: Int) -> [UInt8] {
      [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        let used = source.count - Int(stream.avail_in)
        source.withUnsafeMutableBufferPointer { source in
          stream.next_in = source.baseAddress.map { $0 + used }
          (stream.next_out, stream.avail_out) = (buffer.baseAddress, UInt32(count))
          status = CZlib.inflate(&stream, Z_NO_FLUSH)
        }
        filled = count - Int(stream.avail_out)
      }
    }
    let tag = inflate(8)
    guard tag.count == 8 else { throw Problem("a compressed element that zlib refuses") }
    let count = tag[4...].reversed().reduce(0) { $0 << 8 | Int($1) }
    try bound(count)
    // Room for one byte more, so that a longer one is told from this.
    let data = inflate(count + 1)
    guard data.count == count, status == Z_STREAM_END, stream.avail_in == 0 else {
      throw Problem("a compressed element of another length than its tag says")
    }
    return tag + data
  }
}

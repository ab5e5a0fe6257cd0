/// Where the directory of a zip archive lies, as the records at the archive's end say.
///
/// Source: PKWARE's APPNOTE.TXT, sections 4.3.14 to 4.3.16.
struct ZipDirectory {
  /// How many entries it has, where it begins, and how many bytes it takes.
  let count, offset, size: Int

  /// More than any checkpoint's archive has, one file for each storage.
  private static let mostEntries = 32768
  private static let largest = 16 << 20
  private static let shortestEnd = 22
  private static let largest16 = 0xFFFF
  private static let largest32 = 0xFFFF_FFFF

  /// Finds and checks the records; the directory must end where they begin.
  init(_ bytes: UnsafeRawBufferPointer) throws(PyTorchProblem) {
    let start = try Self.end(of: bytes)
    var reader = try ByteReader(bytes, at: start + 4, of: "zip archive's end")
    let disks = (try reader.number(UInt16.self), try reader.number(UInt16.self))
    let counts = (try reader.length(UInt16.self), try reader.length(UInt16.self))
    var (size, offset) = (try reader.length(UInt32.self), try reader.length(UInt32.self))
    var (count, end) = (counts.1, start)
    guard disks == (0, 0), counts.0 == counts.1 else { throw Self.split }
    if let large = try Self.zip64(bytes, before: start) {
      // PyTorch writes both records; what fits the smaller one must be the same in it.
      let fields = [
        (count, large.count, Self.largest16), (size, large.size, Self.largest32),
        (offset, large.offset, Self.largest32),
      ]
      guard fields.allSatisfy({ small, large, largest in small == largest || small == large }) else {
        throw PyTorchProblem("the two records that end its zip archive disagree")
      }
      (count, size, offset, end) = (large.count, large.size, large.offset, large.start)
    }
    guard offset <= end, size == end - offset else {
      throw PyTorchProblem("its zip directory of \(size) bytes at \(offset) does not end at \(end)")
    }
    guard size <= Self.largest, count <= Self.mostEntries else {
      throw PyTorchProblem(
        "its zip directory has \(count) entries in \(size) bytes, at most \(Self.mostEntries) in \(Self.largest) are read"
      )
    }
    guard count <= size / 46 else {
      throw PyTorchProblem("its zip directory claims \(count) entries in \(size) bytes")
    }
    (self.count, self.offset, self.size) = (count, offset, size)
  }

  private static let split = PyTorchProblem("its zip archive is split over several files")

  /// Where the last record begins.
  ///
  /// A comment of up to 65,535 bytes may follow it and must reach the file's very end; where two records would do,
  /// programs disagree on what the archive holds.
  private static func end(of bytes: UnsafeRawBufferPointer) throws(PyTorchProblem) -> Int {
    guard bytes.count >= shortestEnd else { throw PyTorchProblem("\(bytes.count) bytes: it is truncated") }
    var found: Int?
    var start = bytes.count - shortestEnd
    let first = max(0, start - largest16)
    while start >= first {
      if bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self).littleEndian == 0x0605_4B50,
        Int(bytes.loadUnaligned(fromByteOffset: start + 20, as: UInt16.self).littleEndian)
          == bytes.count - start - shortestEnd
      {
        guard found == nil else { throw PyTorchProblem("its zip archive has two ends, one in the other's comment") }
        found = start
      }
      start -= 1
    }
    guard let found else { throw PyTorchProblem("its zip archive has no end: it is truncated") }
    return found
  }

  /// The directory by the zip64 record, to which a locator before `end` points; nil without one.
  private static func zip64(
    _ bytes: UnsafeRawBufferPointer, before end: Int
  ) throws(PyTorchProblem) -> (count: Int, size: Int, offset: Int, start: Int)? {
    guard end >= 20 else { return nil }
    var locator = try ByteReader(bytes, at: end - 20, of: "zip64 locator")
    guard try locator.number(UInt32.self) == 0x0706_4B50 else { return nil }
    guard try locator.number(UInt32.self) == 0 else { throw split }
    let start = try locator.length(UInt64.self)
    guard start <= end - 20 else { throw PyTorchProblem("its zip64 record would start at byte \(start)") }
    var reader = try ByteReader(bytes, at: start, of: "zip64 record")
    guard try reader.number(UInt32.self) == 0x0606_4B50 else { throw PyTorchProblem("it has no zip64 record") }
    let size = try reader.length(UInt64.self)
    // What follows are 44 bytes and room for extensions, up to the locator.
    guard size >= 44, size == end - 20 - reader.position else {
      throw PyTorchProblem("its zip64 record has \(size) bytes, expected \(end - 20 - reader.position)")
    }
    _ = try reader.take(4)
    let disks = (try reader.number(UInt32.self), try reader.number(UInt32.self))
    let counts = (try reader.length(UInt64.self), try reader.length(UInt64.self))
    let directorySize = try reader.length(UInt64.self)
    let offset = try reader.length(UInt64.self)
    guard disks == (0, 0), counts.0 == counts.1 else { throw split }
    return (counts.1, directorySize, offset, start)
  }
}

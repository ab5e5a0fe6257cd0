/// The entries of a zip archive as PyTorch writes it: every one stored as it is.
///
/// The archive is what its central directory says; each local header must agree with it. Names are only compared, never
/// used as paths. Source: PKWARE's APPNOTE.TXT, sections 4.3.7 to 4.3.16 and 4.5.3 (zip64).
struct ZipArchive {
  /// One stored file.
  struct Entry {
    let name: String
    /// Where its bytes lie in the archive.
    let range: Range<Int>
    let crc: UInt32
    let isCompressed: Bool
  }

  /// By name.
  let entries: [String: Entry]
  /// The name of an entry that is compressed after all, and cannot be read.
  let compressed: String?

  private struct Directory {
    var count, offset, size: Int
    /// Where the records that end the archive begin.
    var end: Int
  }

  /// The fields of a directory entry that say where its file lies.
  private struct Place {
    var size, storedSize, header: Int
    var method: UInt16
  }

  private static let largest16 = 0xFFFF
  private static let largest32 = 0xFFFF_FFFF

  /// Reads and checks the directory of an archive.
  init(_ bytes: UnsafeRawBufferPointer) throws(PyTorchProblem) {
    let directory = try Self.directory(of: bytes)
    guard directory.count <= directory.size / 46 else {
      throw PyTorchProblem("its zip directory claims \(directory.count) entries in \(directory.size) bytes")
    }
    let region = UnsafeRawBufferPointer(
      rebasing: bytes[directory.offset..<directory.offset + directory.size])
    var reader = try ByteReader(region, of: "zip directory")
    var entries: [String: Entry] = [:]
    for _ in 0..<directory.count {
      let entry = try Self.entry(&reader, in: bytes, before: directory.offset)
      guard entries.updateValue(entry, forKey: entry.name) == nil else {
        throw PyTorchProblem("the entry '\(entry.name)' occurs twice in the zip archive")
      }
    }
    guard reader.remaining == 0 else {
      throw PyTorchProblem("its zip directory has \(reader.remaining) bytes more than its entries need")
    }
    self.entries = entries
    compressed = entries.values.first(where: \.isCompressed)?.name
  }

  /// Finds the directory by the record at the archive's end.
  private static func directory(of bytes: UnsafeRawBufferPointer) throws(PyTorchProblem) -> Directory {
    let shortest = 22
    guard bytes.count >= shortest else { throw PyTorchProblem("\(bytes.count) bytes: it is truncated") }
    // A comment of up to 65,535 bytes may follow the record; it must reach the file's very end.
    var start = bytes.count - shortest
    let first = max(0, start - largest16)
    while start >= first {
      if bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self).littleEndian == 0x0605_4B50,
        Int(bytes.loadUnaligned(fromByteOffset: start + 20, as: UInt16.self).littleEndian)
          == bytes.count - start - shortest
      {
        break
      }
      start -= 1
    }
    guard start >= first else { throw PyTorchProblem("its zip archive has no end: it is truncated") }
    var reader = try ByteReader(bytes, at: start + 4, of: "zip archive's end")
    let disks = (try reader.number(UInt16.self), try reader.number(UInt16.self))
    let counts = (try reader.length(UInt16.self), try reader.length(UInt16.self))
    var directory = Directory(
      count: counts.1, offset: 0, size: try reader.length(UInt32.self), end: start)
    directory.offset = try reader.length(UInt32.self)
    guard disks == (0, 0), counts.0 == counts.1 else {
      throw PyTorchProblem("its zip archive is split over several files")
    }
    if let large = try zip64Directory(of: bytes, before: start) {
      // PyTorch writes both records; what fits the smaller one must be the same in it.
      let fields = [
        (directory.count, large.count, largest16), (directory.size, large.size, largest32),
        (directory.offset, large.offset, largest32),
      ]
      guard fields.allSatisfy(matches) else {
        throw PyTorchProblem("the two records that end its zip archive disagree")
      }
      directory = large
    }
    guard directory.offset <= directory.end, directory.size == directory.end - directory.offset else {
      throw PyTorchProblem(
        "its zip directory of \(directory.size) bytes at \(directory.offset) does not end at \(directory.end)")
    }
    return directory
  }

  private static func matches(_ field: (small: Int, large: Int, largest: Int)) -> Bool {
    field.small == field.largest || field.small == field.large
  }

  /// The directory by the zip64 record, to which a locator before `end` points; nil without one.
  private static func zip64Directory(
    of bytes: UnsafeRawBufferPointer, before end: Int
  ) throws(PyTorchProblem) -> Directory? {
    guard end >= 20 else { return nil }
    var locator = try ByteReader(bytes, at: end - 20, of: "zip64 locator")
    guard try locator.number(UInt32.self) == 0x0706_4B50 else { return nil }
    guard try locator.number(UInt32.self) == 0 else {
      throw PyTorchProblem("its zip archive is split over several files")
    }
    let start = try locator.length(UInt64.self)
    guard start <= end - 20 else { throw PyTorchProblem("its zip64 record would start at byte \(start)") }
    var reader = try ByteReader(bytes, at: start, of: "zip64 record")
    guard try reader.number(UInt32.self) == 0x0606_4B50 else { throw PyTorchProblem("it has no zip64 record") }
    let size = try reader.length(UInt64.self)
    // What follows are 44 bytes and room for extensions.
    guard size >= 44, size <= reader.remaining else { throw PyTorchProblem("its zip64 record has \(size) bytes") }
    _ = try reader.take(4)
    let disks = (try reader.number(UInt32.self), try reader.number(UInt32.self))
    let counts = (try reader.length(UInt64.self), try reader.length(UInt64.self))
    let directorySize = try reader.length(UInt64.self)
    let offset = try reader.length(UInt64.self)
    guard disks == (0, 0), counts.0 == counts.1 else {
      throw PyTorchProblem("its zip archive is split over several files")
    }
    return Directory(count: counts.1, offset: offset, size: directorySize, end: start)
  }

  /// Reads one entry of the directory, and finds its file.
  private static func entry(
    _ reader: inout ByteReader, in bytes: UnsafeRawBufferPointer, before end: Int
  ) throws(PyTorchProblem) -> Entry {
    guard try reader.number(UInt32.self) == 0x0201_4B50 else {
      throw PyTorchProblem("its zip directory has no entry at byte \(reader.position - 4)")
    }
    _ = try reader.take(4)
    let flags = try reader.number(UInt16.self)
    let method = try reader.number(UInt16.self)
    _ = try reader.take(4)
    let crc = try reader.number(UInt32.self)
    var place = Place(size: 0, storedSize: try reader.length(UInt32.self), header: 0, method: method)
    place.size = try reader.length(UInt32.self)
    let lengths = (
      name: try reader.length(UInt16.self), extra: try reader.length(UInt16.self),
      comment: try reader.length(UInt16.self)
    )
    let disk = try reader.length(UInt16.self)
    _ = try reader.take(6)
    place.header = try reader.length(UInt32.self)
    let nameBytes = try reader.take(lengths.name)
    guard let name = String(validating: nameBytes, as: UTF8.self) else {
      throw PyTorchProblem("a name in its zip archive is not UTF-8")
    }
    try readZip64(try reader.take(lengths.extra), into: &place, of: name)
    _ = try reader.take(lengths.comment)
    guard disk == 0 || disk == largest16 else { throw PyTorchProblem("its zip archive is split over several files") }
    guard flags & 0x2041 == 0 else { throw PyTorchProblem("the entry '\(name)' is encrypted") }
    guard method != 0 || place.size == place.storedSize else {
      throw PyTorchProblem("the entry '\(name)' has two sizes, \(place.size) and \(place.storedSize)")
    }
    return Entry(
      name: name, range: try range(place, name: nameBytes, called: name, in: bytes, before: end), crc: crc,
      isCompressed: method != 0)
  }

  /// Replaces what does not fit 32 bits by the numbers of the zip64 field.
  private static func readZip64(
    _ extra: UnsafeRawBufferPointer, into place: inout Place, of name: String
  ) throws(PyTorchProblem) {
    let isNeeded = place.size == largest32 || place.storedSize == largest32 || place.header == largest32
    guard isNeeded else { return }
    var reader = try ByteReader(extra, of: "zip entry '\(name)'")
    while reader.remaining >= 4 {
      let kind = try reader.number(UInt16.self)
      let field = try reader.take(try reader.length(UInt16.self))
      guard kind == 1 else { continue }
      var numbers = try ByteReader(field, of: "zip64 field of '\(name)'")
      if place.size == largest32 { place.size = try numbers.length(UInt64.self) }
      if place.storedSize == largest32 { place.storedSize = try numbers.length(UInt64.self) }
      if place.header == largest32 { place.header = try numbers.length(UInt64.self) }
      return
    }
    throw PyTorchProblem("the entry '\(name)' lacks its zip64 sizes")
  }

  /// Where an entry's bytes lie, from its local header, which must name it too.
  private static func range(
    _ place: Place, name: UnsafeRawBufferPointer, called text: String, in bytes: UnsafeRawBufferPointer,
    before end: Int
  ) throws(PyTorchProblem) -> Range<Int> {
    var reader = try ByteReader(bytes, at: place.header, of: "zip entry '\(text)'")
    guard try reader.number(UInt32.self) == 0x0403_4B50 else {
      throw PyTorchProblem("the entry '\(text)' is not where the zip directory says")
    }
    _ = try reader.take(4)
    let method = try reader.number(UInt16.self)
    _ = try reader.take(16)
    let lengths = (name: try reader.length(UInt16.self), extra: try reader.length(UInt16.self))
    guard method == place.method, try reader.take(lengths.name).elementsEqual(name) else {
      throw PyTorchProblem("the entry '\(text)' has a header that disagrees with the zip directory")
    }
    _ = try reader.take(lengths.extra)
    let start = reader.position
    guard start <= end, place.storedSize <= end - start else {
      throw PyTorchProblem("the entry '\(text)' of \(place.storedSize) bytes reaches into the zip directory")
    }
    return start..<start + place.storedSize
  }
}

/// The entries of a zip archive as PyTorch writes it: every one stored as it is.
///
/// The archive is what its central directory says; each local header and data descriptor must agree with it, and the
/// entries must fill the file from its first byte to the directory, without holes or overlap: so no other program sees
/// other entries in it. Names are only compared, never used as paths.
/// Source: PKWARE's APPNOTE.TXT, sections 4.3.7 to 4.3.13 and 4.5.3 (zip64).
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

  /// What the directory says of one file.
  private struct Record {
    var name: UnsafeRawBufferPointer
    var text: String
    var flags, method: UInt16
    var crc: UInt32
    var size, storedSize: Int
    /// Where its header begins.
    var header = 0
    /// Where its bytes lie.
    var range = 0..<0

    /// Whether crc and sizes follow the bytes.
    var hasDescriptor: Bool { flags & 8 != 0 }
  }

  private static let largest16 = 0xFFFF
  private static let largest32 = 0xFFFF_FFFF
  private static let longestName = 1024

  /// Reads and checks the directory of an archive; `forget` is called now and then while its headers are visited.
  init(_ bytes: UnsafeRawBufferPointer, forget: () -> Void = {}) throws(PyTorchProblem) {
    let directory = try ZipDirectory(bytes)
    let region = UnsafeRawBufferPointer(
      rebasing: bytes[directory.offset..<directory.offset + directory.size])
    var reader = try ByteReader(region, of: "zip directory")
    var records: [Record] = []
    var entries: [String: Entry] = [:]
    for index in 0..<directory.count {
      // Each header lies on a page of its own, which stays in memory else.
      if index % 256 == 255 { forget() }
      let record = try Self.record(&reader, in: bytes, before: directory.offset)
      let entry = Entry(
        name: record.text, range: record.range, crc: record.crc, isCompressed: record.method != 0)
      guard entries.updateValue(entry, forKey: entry.name) == nil else {
        throw PyTorchProblem("the entry '\(entry.name)' occurs twice in the zip archive")
      }
      records.append(record)
    }
    guard reader.remaining == 0 else {
      throw PyTorchProblem("its zip directory has \(reader.remaining) bytes more than its entries need")
    }
    try Self.checkLayout(&records, in: bytes, upTo: directory.offset, forget)
    self.entries = entries
    compressed = entries.values.first(where: \.isCompressed)?.name
  }

  /// Reads one entry of the directory, and finds its file.
  private static func record(
    _ reader: inout ByteReader, in bytes: UnsafeRawBufferPointer, before end: Int
  ) throws(PyTorchProblem) -> Record {
    guard try reader.number(UInt32.self) == 0x0201_4B50 else {
      throw PyTorchProblem("its zip directory has no entry at byte \(reader.position - 4)")
    }
    _ = try reader.take(4)
    var record = Record(
      name: reader.bytes, text: "", flags: try reader.number(UInt16.self), method: try reader.number(UInt16.self),
      crc: 0, size: 0, storedSize: 0)
    _ = try reader.take(4)
    record.crc = try reader.number(UInt32.self)
    record.storedSize = try reader.length(UInt32.self)
    record.size = try reader.length(UInt32.self)
    let lengths = (
      name: try reader.length(UInt16.self), extra: try reader.length(UInt16.self),
      comment: try reader.length(UInt16.self)
    )
    let disk = try reader.length(UInt16.self)
    _ = try reader.take(6)
    record.header = try reader.length(UInt32.self)
    record.name = try reader.take(lengths.name)
    record.text = try plainName(record.name)
    let name = record.text
    try readZip64(try reader.take(lengths.extra), of: name) { (field) throws(PyTorchProblem) in
      if record.size == largest32 { record.size = try field.length(UInt64.self) }
      if record.storedSize == largest32 { record.storedSize = try field.length(UInt64.self) }
      if record.header == largest32 { record.header = try field.length(UInt64.self) }
    } ifNeeded: {
      record.size == largest32 || record.storedSize == largest32 || record.header == largest32
    }
    _ = try reader.take(lengths.comment)
    guard disk == 0 || disk == largest16 else { throw PyTorchProblem("its zip archive is split over several files") }
    guard record.flags & 0x2041 == 0 else { throw PyTorchProblem("the entry '\(name)' is encrypted") }
    guard record.method != 0 || record.size == record.storedSize else {
      throw PyTorchProblem("the entry '\(name)' has two sizes, \(record.size) and \(record.storedSize)")
    }
    record.range = try range(record, in: bytes, before: end)
    return record
  }

  /// A name in UTF-8 that is a path below the archive.
  private static func plainName(_ bytes: UnsafeRawBufferPointer) throws(PyTorchProblem) -> String {
    guard bytes.count <= longestName else {
      throw PyTorchProblem("a name in its zip archive has \(bytes.count) bytes, at most \(longestName) are read")
    }
    guard let name = String(validating: bytes, as: UTF8.self) else {
      throw PyTorchProblem("a name in its zip archive is not UTF-8")
    }
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    let isPlain =
      !name.utf8.contains(0) && !name.contains("\\") && !parts.contains { $0 == "." || $0 == ".." }
      && !parts.dropLast().contains("") && !name.isEmpty
    guard isPlain else { throw PyTorchProblem("the name '\(name)' in its zip archive leads out of it") }
    return name
  }

  /// Lets `read` take numbers from the zip64 field, where one is needed.
  private static func readZip64(
    _ extra: UnsafeRawBufferPointer, of name: String,
    _ read: (inout ByteReader) throws(PyTorchProblem) -> Void, ifNeeded isNeeded: () -> Bool
  ) throws(PyTorchProblem) {
    guard isNeeded() else { return }
    var reader = try ByteReader(extra, of: "zip entry '\(name)'")
    while reader.remaining >= 4 {
      let kind = try reader.number(UInt16.self)
      let field = try reader.take(try reader.length(UInt16.self))
      guard kind == 1 else { continue }
      var numbers = try ByteReader(field, of: "zip64 field of '\(name)'")
      return try read(&numbers)
    }
    throw PyTorchProblem("the entry '\(name)' lacks its zip64 sizes")
  }

  /// Where a file's bytes lie, from its local header, which must agree with the directory.
  private static func range(
    _ record: Record, in bytes: UnsafeRawBufferPointer, before end: Int
  ) throws(PyTorchProblem) -> Range<Int> {
    let text = record.text
    var reader = try ByteReader(bytes, at: record.header, of: "zip entry '\(text)'")
    guard try reader.number(UInt32.self) == 0x0403_4B50 else {
      throw PyTorchProblem("the entry '\(text)' is not where the zip directory says")
    }
    _ = try reader.take(2)
    let (flags, method) = (try reader.number(UInt16.self), try reader.number(UInt16.self))
    _ = try reader.take(4)
    let crc = try reader.number(UInt32.self)
    var sizes = (stored: try reader.length(UInt32.self), full: try reader.length(UInt32.self))
    let lengths = (name: try reader.length(UInt16.self), extra: try reader.length(UInt16.self))
    let name = try reader.take(lengths.name)
    let extra = try reader.take(lengths.extra)
    if !record.hasDescriptor {
      try readZip64(extra, of: text) { (field) throws(PyTorchProblem) in
        if sizes.full == largest32 { sizes.full = try field.length(UInt64.self) }
        if sizes.stored == largest32 { sizes.stored = try field.length(UInt64.self) }
      } ifNeeded: {
        sizes.full == largest32 || sizes.stored == largest32
      }
    }
    // With a descriptor behind the bytes the header may leave its numbers open.
    func agrees(_ size: Int, _ expected: Int) -> Bool {
      size == expected || (record.hasDescriptor && (size == 0 || size == largest32))
    }
    guard flags == record.flags, method == record.method, name.elementsEqual(record.name),
      crc == record.crc || (record.hasDescriptor && crc == 0), agrees(sizes.stored, record.storedSize),
      agrees(sizes.full, record.size)
    else { throw PyTorchProblem("the entry '\(text)' has a header that disagrees with the zip directory") }
    let start = reader.position
    guard start <= end, record.storedSize <= end - start else {
      throw PyTorchProblem("the entry '\(text)' of \(record.storedSize) bytes reaches into the zip directory")
    }
    return start..<start + record.storedSize
  }

  /// Checks that the files, with their headers and descriptors, follow one another from 0 to `end`.
  private static func checkLayout(
    _ records: inout [Record], in bytes: UnsafeRawBufferPointer, upTo end: Int, _ forget: () -> Void
  ) throws(PyTorchProblem) {
    records.sort { $0.header < $1.header }
    guard records.first?.header ?? end == 0 else {
      throw PyTorchProblem("something stands before its zip archive's first entry")
    }
    for (index, record) in records.enumerated() {
      if index % 256 == 255 { forget() }
      let next = index + 1 < records.count ? records[index + 1].header : end
      let gap = next - record.range.upperBound
      guard gap >= 0 else {
        throw PyTorchProblem("the entry '\(record.text)' overlaps the next in the zip archive")
      }
      guard record.hasDescriptor else {
        if gap == 0 { continue }
        throw PyTorchProblem("\(gap) bytes behind the entry '\(record.text)' belong to no entry of the zip archive")
      }
      // A signature, which may be absent, the crc, and two sizes of 4 or 8 bytes.
      guard [12, 16, 20, 24].contains(gap) else {
        throw PyTorchProblem("the entry '\(record.text)' has \(gap) bytes for its data descriptor")
      }
      var reader = try ByteReader(bytes, at: record.range.upperBound, of: "zip data descriptor")
      let hasSignature = gap % 8 == 0
      if hasSignature, try reader.number(UInt32.self) != 0x0807_4B50 {
        throw PyTorchProblem("the entry '\(record.text)' has no data descriptor behind it")
      }
      let crc = try reader.number(UInt32.self)
      let sizes =
        gap < 20
        ? (try reader.length(UInt32.self), try reader.length(UInt32.self))
        : (try reader.length(UInt64.self), try reader.length(UInt64.self))
      guard crc == record.crc, sizes == (record.storedSize, record.size) else {
        throw PyTorchProblem("the entry '\(record.text)' has a data descriptor that disagrees with the zip directory")
      }
    }
  }
}

import Foundation
import Support
import Weights

/// Writes zip archives, sound ones and such as lie.
package struct ZipBuilder {
  package var entries: [(name: String, bytes: Data)]
  /// Sizes, positions and counts go to zip64 records.
  package var isZip64 = false
  package var method: UInt16 = 0
  package var flags: UInt16 = 0x0800
  /// What local headers have of method, flags and checksum.
  package var localMethod: (UInt16) -> UInt16 = { $0 }
  package var localFlags: (UInt16) -> UInt16 = { $0 }
  package var localChecksum: (UInt32) -> UInt32 = { $0 }
  package var localSize: (Int) -> Int = { $0 }
  /// Local headers leave checksum and sizes open, and descriptors, changed by `descriptor`, follow the bytes.
  package var hasDescriptors = false
  package var descriptor: (Data) -> Data = { $0 }
  /// What stands before the first entry, and behind each.
  package var prefix = Data()
  package var filler = Data()
  /// A file whose header lies in the bytes of the entry before, as ``ZipBuilder`` writes it alone.
  package var hidden: (name: String, bytes: Data)?
  /// What a zip64 archive's locator says of the record's place, the record's size, and the kind of its extra fields.
  package var record: (Int) -> Int = { $0 }
  package var recordSize: UInt64 = 44
  package var zip64Kind: UInt16 = 1
  package var comment = ""
  /// Changes what a local header says of its name.
  package var localName: (String) -> String = { $0 }
  /// Changes the sizes and the position in the directory.
  package var claimedSize: (Int) -> Int = { $0 }
  package var claimedPosition: (Int) -> Int = { $0 }
  package var claimedCount: Int?
  /// What a zip64 archive's last record says of the directory's size.
  package var smallSize: (Int) -> UInt32 = { _ in .max }
  package var checksum: (UInt32) -> UInt32 = { $0 }

  package init(_ entries: [(name: String, bytes: Data)]) { self.entries = entries }

  /// An archive as `torch.save` makes it: a pickle, and storages by their keys.
  package init(pickle: Data, storages: [String: Data] = ["0": Data(count: 16)]) {
    self.init(
      [("x/data.pkl", pickle), ("x/byteorder", Data("little".utf8))]
        + storages.sorted { $0.key < $1.key }.map { ("x/data/\($0.key)", $0.value) } + [("x/version", Data("3\n".utf8))]
    )
  }

  package var data: Data {
    var (archive, directory) = (prefix, Data())
    let flags = hasDescriptors ? flags | 8 : flags
    for (name, bytes) in entries {
      let crc = checksum(bytes.withUnsafeBytes { CRC32.of($0) })
      let position = archive.count
      let local = Data(localName(name).utf8)
      let size = UInt64(claimedSize(bytes.count))
      let shown = hasDescriptors ? 0 : UInt32(truncatingIfNeeded: localSize(Int(size)))
      archive += le(0x0403_4B50 as UInt32) + le(20 as UInt16) + le(localFlags(flags)) + le(localMethod(method))
      archive += le(0 as UInt32) + le(hasDescriptors ? 0 : localChecksum(crc)) + le(shown) + le(shown)
      archive += le(UInt16(local.count)) + le(3 as UInt16) + local + Data("pad".utf8) + bytes
      if hasDescriptors {
        let length = UInt32(bytes.count)
        archive += descriptor(le(0x0807_4B50 as UInt32) + le(crc) + le(length) + le(length))
      }
      archive += filler
      directory += entry(name, bytes, crc: crc, at: position)
    }
    if let hidden {
      let alone = ZipBuilder([hidden]).data.prefix(30 + hidden.name.utf8.count)
      let position = archive.range(of: alone)?.lowerBound ?? 0
      directory += entry(
        hidden.name, hidden.bytes, crc: hidden.bytes.withUnsafeBytes { CRC32.of($0) }, at: position)
    }
    let start = archive.count
    let count = claimedCount ?? entries.count + (hidden == nil ? 0 : 1)
    archive += directory
    if isZip64 {
      let record = archive.count
      archive += le(0x0606_4B50 as UInt32) + le(recordSize) + le(45 as UInt16) + le(45 as UInt16) + le(0 as UInt64)
      archive += le(UInt64(count)) + le(UInt64(count)) + le(UInt64(directory.count)) + le(UInt64(start))
      archive += le(0x0706_4B50 as UInt32) + le(0 as UInt32) + le(UInt64(self.record(record))) + le(1 as UInt32)
    }
    archive += le(0x0605_4B50 as UInt32) + le(0 as UInt32)
    archive += le(isZip64 ? .max : UInt16(count)) + le(isZip64 ? .max : UInt16(count))
    archive += le(isZip64 ? smallSize(directory.count) : UInt32(directory.count)) + le(isZip64 ? .max : UInt32(start))
    return archive + le(UInt16(comment.utf8.count)) + Data(comment.utf8)
  }

  /// A file's entry in the directory.
  private func entry(_ name: String, _ bytes: Data, crc: UInt32, at position: Int) -> Data {
    let flags = hasDescriptors ? flags | 8 : flags
    let size = UInt64(claimedSize(bytes.count))
    let place = claimedPosition(position)
    let extra =
      isZip64
      ? le(zip64Kind) + le(24 as UInt16) + le(size) + le(size) + le(UInt64(bitPattern: Int64(place))) : Data()
    let (shown, start) = isZip64 ? (UInt32.max, UInt32.max) : (UInt32(size), UInt32(place))
    var entry = le(0x0201_4B50 as UInt32) + le(20 as UInt16) + le(20 as UInt16) + le(flags) + le(method)
    entry += le(0 as UInt32) + le(crc) + le(shown) + le(shown) + le(UInt16(name.utf8.count)) + le(UInt16(extra.count))
    entry += Data(count: 10) + le(start) + Data(name.utf8) + extra
    return entry
  }

  private func le<Number: FixedWidthInteger>(_ number: Number) -> Data {
    withUnsafeBytes(of: number.littleEndian) { Data($0) }
  }
}

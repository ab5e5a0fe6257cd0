import Foundation
import Weights

/// Writes zip archives, sound ones and such as lie.
package struct ZipBuilder {
  package var entries: [(name: String, bytes: Data)]
  /// Sizes, positions and counts go to zip64 records.
  package var isZip64 = false
  package var method: UInt16 = 0
  package var flags: UInt16 = 0x0808
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
    var (archive, directory) = (Data(), Data())
    for (name, bytes) in entries {
      let crc = checksum(bytes.withUnsafeBytes { Checksum.crc32($0) })
      let position = archive.count
      let local = Data(localName(name).utf8)
      archive += le(0x0403_4B50 as UInt32) + le(20 as UInt16) + le(flags) + le(method) + le(0 as UInt32) + le(crc)
      archive += le(UInt32(bytes.count)) + le(UInt32(bytes.count)) + le(UInt16(local.count)) + le(3 as UInt16)
      archive += local + Data("pad".utf8) + bytes
      let size = UInt64(claimedSize(bytes.count))
      let extra =
        isZip64
        ? le(1 as UInt16) + le(24 as UInt16) + le(size) + le(size)
          + le(UInt64(bitPattern: Int64(claimedPosition(position)))) : Data()
      directory += le(0x0201_4B50 as UInt32) + le(20 as UInt16) + le(20 as UInt16) + le(flags) + le(method)
      directory += le(0 as UInt32) + le(crc) + le(isZip64 ? .max : UInt32(size)) + le(isZip64 ? .max : UInt32(size))
      directory += le(UInt16(name.utf8.count)) + le(UInt16(extra.count)) + le(0 as UInt16) + le(0 as UInt16)
      directory += le(0 as UInt16) + le(0 as UInt32)
      directory += le(isZip64 ? .max : UInt32(claimedPosition(position))) + Data(name.utf8) + extra
    }
    let start = archive.count
    let count = claimedCount ?? entries.count
    archive += directory
    if isZip64 {
      let record = archive.count
      archive += le(0x0606_4B50 as UInt32) + le(44 as UInt64) + le(45 as UInt16) + le(45 as UInt16) + le(0 as UInt64)
      archive += le(UInt64(count)) + le(UInt64(count)) + le(UInt64(directory.count)) + le(UInt64(start))
      archive += le(0x0706_4B50 as UInt32) + le(0 as UInt32) + le(UInt64(record)) + le(1 as UInt32)
    }
    archive += le(0x0605_4B50 as UInt32) + le(0 as UInt32)
    archive += le(isZip64 ? .max : UInt16(count)) + le(isZip64 ? .max : UInt16(count))
    archive += le(isZip64 ? smallSize(directory.count) : UInt32(directory.count)) + le(isZip64 ? .max : UInt32(start))
    return archive + le(UInt16(comment.utf8.count)) + Data(comment.utf8)
  }

  private func le<Number: FixedWidthInteger>(_ number: Number) -> Data {
    withUnsafeBytes(of: number.littleEndian) { Data($0) }
  }
}

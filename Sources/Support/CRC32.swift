import CZlib

/// CRC-32 as zlib, PNG and zip compute it (ISO 3309): it tells damage, not malice.
package enum CRC32 {
  /// The checksum of `bytes`, or of all bytes so far where `previous` is the checksum of those before them.
  package static func of(_ bytes: UnsafeRawBufferPointer, continuing previous: UInt32 = 0) -> UInt32 {
    UInt32(truncatingIfNeeded: crc32_z(UInt(previous), bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count))
  }
}

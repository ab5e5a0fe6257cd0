import CZlib

/// The CRC-32 of bytes (ISO 3309), as the data's identity holds it.
func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
  UInt32(truncatingIfNeeded: crc32_z(0, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count))
}

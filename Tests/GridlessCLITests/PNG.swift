import Foundation

/// Writes gray PNG files without compression: what tests need of the format (ISO/IEC 15948, RFC 1950 and RFC 1951).
enum PNG {
  /// An image of `height` rows of `width` bytes, 0 black and 255 white.
  static func gray(_ pixels: [UInt8], width: Int, height: Int) -> Data {
    // Each row begins with its filter, 0 for none.
    let rows = (0..<height).flatMap { [0] + pixels[$0 * width..<($0 + 1) * width] }
    let header = bytes(UInt32(width)) + bytes(UInt32(height)) + [8, 0, 0, 0, 0]
    return Data([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) + chunk("IHDR", header) + chunk("IDAT", stored(rows))
      + chunk("IEND", [])
  }

  /// One stored block, of less than 65,536 bytes, in zlib's wrapping.
  private static func stored(_ data: [UInt8]) -> [UInt8] {
    let length = UInt16(data.count)
    let lengths = [length, ~length].flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
    var (a, b): (UInt32, UInt32) = (1, 0)
    for byte in data {
      a = (a + UInt32(byte)) % 65521
      b = (b + a) % 65521
    }
    return [0x78, 0x01, 1] + lengths + data + bytes(b << 16 | a)
  }

  private static func chunk(_ type: String, _ data: [UInt8]) -> Data {
    let content = Array(type.utf8) + data
    var crc = ~UInt32(0)
    for byte in content {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
    return Data(bytes(UInt32(data.count)) + content + bytes(~crc))
  }

  private static func bytes(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(value >> (24 - 8 * $0) & 255) } }
}

/// A message in the wire format of Protocol Buffers, written field by field.
///
/// Only what event files need: variable-length integers, fixed 32 and 64 bits, and fields with a length.
struct ProtobufMessage {
  private(set) var bytes: [UInt8] = []

  /// An integer, which must not be negative.
  mutating func add(_ field: Int, _ value: Int) {
    key(field, wireType: 0)
    varint(UInt64(value))
  }

  /// A flag.
  mutating func add(_ field: Int, _ value: Bool) { add(field, value ? 1 : 0) }

  /// A float64.
  mutating func add(_ field: Int, _ value: Double) {
    key(field, wireType: 1)
    bytes += LittleEndian.bytes(value.bitPattern)
  }

  /// A float32.
  mutating func add(_ field: Int, _ value: Float) {
    key(field, wireType: 5)
    bytes += LittleEndian.bytes(value.bitPattern)
  }

  /// A text in UTF-8.
  mutating func add(_ field: Int, _ value: String) { add(field, Array(value.utf8)) }

  /// Bytes.
  mutating func add(_ field: Int, _ value: [UInt8]) {
    key(field, wireType: 2)
    varint(UInt64(value.count))
    bytes += value
  }

  /// A message.
  mutating func add(_ field: Int, _ build: (inout ProtobufMessage) -> Void) {
    var message = ProtobufMessage()
    build(&message)
    add(field, message.bytes)
  }

  private mutating func key(_ field: Int, wireType: Int) { varint(UInt64(field << 3 | wireType)) }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest > 127 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 128)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}

/// Numbers as bytes, the lowest first.
enum LittleEndian {
  /// The bytes of an integer.
  static func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
    (0..<value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
}

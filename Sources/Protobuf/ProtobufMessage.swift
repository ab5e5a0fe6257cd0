/// A message in the wire format of Protocol Buffers, written field by field.
///
/// Only what event files and ONNX models need: variable-length integers, fixed 32 and 64 bits, and fields with a
/// length.
package struct ProtobufMessage {
  /// The message.
  package private(set) var bytes: [UInt8] = []

  /// A message without fields.
  package init() {}

  /// An integer (`int64`, or an enumeration).
  package mutating func add(_ field: Int, _ value: Int) {
    key(field, wireType: 0)
    varint(UInt64(bitPattern: Int64(value)))
  }

  /// A flag.
  package mutating func add(_ field: Int, _ value: Bool) { add(field, value ? 1 : 0) }

  /// A float64.
  package mutating func add(_ field: Int, _ value: Double) {
    key(field, wireType: 1)
    bytes += LittleEndian.bytes(value.bitPattern)
  }

  /// A float32.
  package mutating func add(_ field: Int, _ value: Float) {
    key(field, wireType: 5)
    bytes += LittleEndian.bytes(value.bitPattern)
  }

  /// A text in UTF-8.
  package mutating func add(_ field: Int, _ value: String) { add(field, Array(value.utf8)) }

  /// Bytes.
  package mutating func add(_ field: Int, _ value: [UInt8]) {
    addLength(field, of: value.count)
    bytes += value
  }

  /// A message.
  package mutating func add(_ field: Int, _ build: (inout ProtobufMessage) -> Void) {
    var message = ProtobufMessage()
    build(&message)
    add(field, message.bytes)
  }

  /// What stands before the bytes of a field of this length, for whoever writes them apart.
  package mutating func addLength(_ field: Int, of count: Int) {
    key(field, wireType: 2)
    varint(UInt64(count))
  }

  /// Another message's fields.
  package mutating func append(_ other: ProtobufMessage) { bytes += other.bytes }

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
package enum LittleEndian {
  /// The bytes of an integer.
  package static func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
    (0..<value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }
}

extension ScalarType {
  /// Little-endian `bytes` of this type as floating-point numbers, rounded to nearest; `bytes` may be unaligned.
  func values<Value: BinaryFloatingPoint>(_ bytes: UnsafeRawBufferPointer) -> [Value] {
    switch self {
    case .bool, .u8: map(bytes, as: UInt8.self) { Value($0) }
    case .i8: map(bytes, as: Int8.self) { Value($0) }
    case .i16: map(bytes, as: Int16.self) { Value($0) }
    case .u16: map(bytes, as: UInt16.self) { Value($0) }
    case .i32: map(bytes, as: Int32.self) { Value($0) }
    case .u32: map(bytes, as: UInt32.self) { Value($0) }
    case .i64: map(bytes, as: Int64.self) { Value($0) }
    case .u64: map(bytes, as: UInt64.self) { Value($0) }
    case .f16: map(bytes, as: Float16.self) { Value(Float($0)) }
    case .bf16: map(bytes, as: UInt16.self) { Value(Float(bitPattern: UInt32($0) << 16)) }
    case .f32: map(bytes, as: Float.self) { Value($0) }
    case .f64: map(bytes, as: Double.self) { Value($0) }
    }
  }

  private func map<Stored: BitwiseCopyable, Value>(
    _ bytes: UnsafeRawBufferPointer, as type: Stored.Type, _ convert: (Stored) -> Value
  ) -> [Value] {
    let size = MemoryLayout<Stored>.size
    return Array(unsafeUninitializedCapacity: bytes.count / size) { values, count in
      count = bytes.count / size
      for index in 0..<count {
        let stored = bytes.loadUnaligned(fromByteOffset: index * size, as: type)
        values.initializeElement(at: index, to: convert(stored))
      }
    }
  }
}

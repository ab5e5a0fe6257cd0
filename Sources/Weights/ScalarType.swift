/// The type of a tensor's elements, under the names of the safetensors specification.
///
/// The cases are in the reference implementation's order, which is the order (last first) of tensors in a file.
public enum ScalarType: String, Sendable, CaseIterable {
  case bool = "BOOL"
  case u8 = "U8"
  case i8 = "I8"
  case i16 = "I16"
  case u16 = "U16"
  case f16 = "F16"
  case bf16 = "BF16"
  case i32 = "I32"
  case u32 = "U32"
  case f32 = "F32"
  case f64 = "F64"
  case i64 = "I64"
  case u64 = "U64"

  /// The size of one element in bytes.
  public var byteCount: Int {
    switch self {
    case .bool, .u8, .i8: 1
    case .i16, .u16, .f16, .bf16: 2
    case .i32, .u32, .f32: 4
    case .f64, .i64, .u64: 8
    }
  }

  /// No tensor's side is longer.
  private static let longestSide = 1 << 40

  /// The bytes of a tensor of this type and `shape`; nil where a side is negative or longer than any tensor's, and
  /// where the sides that are not 0 make more than fits an `Int`.
  func byteCount(shape: [Int]) -> Int? {
    // What has no elements may claim any sides; later arithmetic on them must not overflow.
    if shape.contains(where: { !(0...Self.longestSide).contains($0) }) { return nil }
    var total = byteCount
    for side in shape where side > 0 {
      let (product, overflow) = total.multipliedReportingOverflow(by: side)
      if overflow { return nil }
      total = product
    }
    return shape.contains(0) ? 0 : total
  }
}

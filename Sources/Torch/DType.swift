import CTorch

/// The type of a tensor's elements (`torch.dtype`).
public enum DType: Sendable, Hashable, CaseIterable {
  /// Unsigned bytes, `torch.uint8`.
  case uint8
  /// `torch.int32`.
  case int32
  /// `torch.int64`.
  case int64
  /// `torch.float16`.
  case float16
  /// `torch.bfloat16`.
  case bfloat16
  /// `torch.float32`.
  case float32
  /// `torch.float64`.
  case float64
  /// `torch.bool`.
  case bool

  var native: CTDType {
    switch self {
    case .uint8: CT_UINT8
    case .int32: CT_INT32
    case .int64: CT_INT64
    case .float16: CT_FLOAT16
    case .bfloat16: CT_BFLOAT16
    case .float32: CT_FLOAT32
    case .float64: CT_FLOAT64
    case .bool: CT_BOOL
    }
  }

  init?(native: CTDType) {
    guard let match = Self.allCases.first(where: { $0.native == native }) else { return nil }
    self = match
  }
}

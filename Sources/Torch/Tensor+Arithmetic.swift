import CTorch

extension Tensor {
  /// Elementwise sum, with broadcasting.
  public static func + (a: Tensor, b: Tensor) throws(TorchError) -> Tensor {
    try a.recorded(.add, with: [b]) { ct_add($0, a.handle, b.handle, 1) }
  }

  /// Elementwise difference, with broadcasting.
  public static func - (a: Tensor, b: Tensor) throws(TorchError) -> Tensor {
    try a.recorded(.subtract, with: [b]) { ct_add($0, a.handle, b.handle, -1) }
  }

  /// Elementwise product, with broadcasting.
  public static func * (a: Tensor, b: Tensor) throws(TorchError) -> Tensor {
    try a.recorded(.multiply, with: [b]) { ct_mul($0, a.handle, b.handle) }
  }

  /// Elementwise quotient, with broadcasting.
  public static func / (a: Tensor, b: Tensor) throws(TorchError) -> Tensor {
    try a.recorded(.divide, with: [b]) { ct_div($0, a.handle, b.handle) }
  }

  /// Every element times a number.
  public static func * (a: Tensor, b: Double) throws(TorchError) -> Tensor {
    try tensor { ct_mul_scalar($0, a.handle, b) }
  }

  /// Every element plus a number.
  public static func + (a: Tensor, b: Double) throws(TorchError) -> Tensor {
    try tensor { ct_add_scalar($0, a.handle, b) }
  }

  /// Zeros of the same shape, dtype and device.
  public func zerosLike() throws(TorchError) -> Tensor {
    try .zeros(shape, dtype: dtype ?? .float32, device: device)
  }

  /// The sum of all elements, a tensor of no dimensions.
  public func sum() throws(TorchError) -> Tensor { try tensor { ct_sum($0, handle) } }

  /// The mean over some dimensions.
  public func mean(dims: [Int], keepDim: Bool = false) throws(TorchError) -> Tensor {
    try withIntArray(dims) { array throws(TorchError) in
      try recorded(.mean(dims: dims, keepDim: keepDim)) { ct_mean($0, handle, array, keepDim) }
    }
  }

  /// Σ aᵢbᵢ of two flat vectors, computed in float64 whatever their dtypes.
  package func dot(_ other: Tensor) throws(TorchError) -> Double { try doubleSum(weights: other) }

  /// Σ aᵢ of a flat vector, or Σ wᵢaᵢ, computed in float64 whatever the dtypes.
  package func doubleSum(weights: Tensor? = nil) throws(TorchError) -> Double {
    var result = 0.0
    try check(ct_dot_double(&result, handle, weights?.handle))
    return result
  }

  /// Whether no element is NaN or infinite.
  public func isAllFinite() throws(TorchError) -> Bool {
    var result = false
    try check(ct_all_finite(&result, handle))
    return result
  }
}

// MARK: In place, on whole vectors

extension Tensor {
  /// Sets every element to 0.
  public func zero_() throws(TorchError) { try change { ct_zero_(handle) } }

  /// Copies another tensor's elements, converting dtype and device.
  public func copy_(_ source: Tensor) throws(TorchError) { try change { ct_copy_(handle, source.handle) } }

  /// self += alpha · other.
  public func add_(_ other: Tensor, alpha: Double = 1) throws(TorchError) {
    try change { ct_add_(handle, other.handle, alpha) }
  }

  /// self += a · b, elementwise.
  public func addcmul_(_ a: Tensor, _ b: Tensor) throws(TorchError) {
    try change { ct_add_product_(handle, a.handle, b.handle) }
  }

  /// self *= value.
  public func mul_(_ value: Double) throws(TorchError) { try change { ct_mul_scalar_(handle, value) } }
}

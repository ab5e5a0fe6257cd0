import CTorch

extension Tensor {
  /// Elementwise sum, with broadcasting.
  public static func + (a: Tensor, b: Tensor) throws(TorchError) -> Tensor {
    try tensor { ct_add($0, a.handle, b.handle, 1) }
  }

  /// Elementwise difference, with broadcasting.
  public static func - (a: Tensor, b: Tensor) throws(TorchError) -> Tensor {
    try tensor { ct_add($0, a.handle, b.handle, -1) }
  }

  /// Elementwise product, with broadcasting.
  public static func * (a: Tensor, b: Tensor) throws(TorchError) -> Tensor {
    try tensor { ct_mul($0, a.handle, b.handle) }
  }

  /// Elementwise quotient, with broadcasting.
  public static func / (a: Tensor, b: Tensor) throws(TorchError) -> Tensor {
    try tensor { ct_div($0, a.handle, b.handle) }
  }

  /// Every element times a number.
  public static func * (a: Tensor, b: Double) throws(TorchError) -> Tensor {
    try tensor { ct_mul_scalar($0, a.handle, b) }
  }

  /// Every element plus a number.
  public static func + (a: Tensor, b: Double) throws(TorchError) -> Tensor {
    try tensor { ct_add_scalar($0, a.handle, b) }
  }

  /// The sum of all elements, a tensor of no dimensions.
  public func sum() throws(TorchError) -> Tensor { try tensor { ct_sum($0, handle) } }

  /// The mean over some dimensions.
  public func mean(dims: [Int], keepDim: Bool = false) throws(TorchError) -> Tensor {
    try withIntArray(dims) { dims throws(TorchError) in try tensor { ct_mean($0, handle, dims, keepDim) } }
  }

  /// The index of the largest element along `dim`, int64.
  public func argmax(dim: Int) throws(TorchError) -> Tensor { try tensor { ct_argmax($0, handle, Int64(dim)) } }

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
  public func zero_() throws(TorchError) { try check(ct_zero_(handle)) }

  /// Copies another tensor's elements, converting dtype and device.
  public func copy_(_ source: Tensor) throws(TorchError) { try check(ct_copy_(handle, source.handle)) }

  /// self += alpha · other.
  public func add_(_ other: Tensor, alpha: Double = 1) throws(TorchError) {
    try check(ct_add_(handle, other.handle, alpha))
  }

  /// self += alpha · (a − b), the difference taken before it is scaled, so that close vectors lose no digits.
  public func addDifference_(_ a: Tensor, _ b: Tensor, alpha: Double) throws(TorchError) {
    try check(ct_add_difference_(handle, a.handle, b.handle, alpha))
  }

  /// self *= value.
  public func mul_(_ value: Double) throws(TorchError) { try check(ct_mul_scalar_(handle, value)) }

  /// Σ aᵢbᵢ of two flat vectors, accumulated in float64 without a temporary (on the CPU).
  public func dot(_ other: Tensor) throws(TorchError) -> Double {
    var result = 0.0
    try check(ct_dot_float64(&result, handle, other.handle))
    return result
  }

  /// Σ (aᵢ − bᵢ)² of two flat vectors, accumulated in float64 without a temporary (on the CPU).
  public func squaredDistance(to other: Tensor) throws(TorchError) -> Double {
    var result = 0.0
    try check(ct_squared_distance_float64(&result, handle, other.handle))
    return result
  }
}

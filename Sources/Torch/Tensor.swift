import CTorch

/// A PyTorch tensor: a final class that owns one handle.
///
/// Methods have PyTorch's names and semantics, so its documentation applies. Every operation throws ``TorchError`` with
/// PyTorch's own message. Views share memory with the tensor they were made from. Not `Sendable`: a tensor is memory
/// that its methods change in place, and it stays with the task that made it.
///
/// ```swift
/// let x = try Tensor([1, 2, 3, 4] as [Float], shape: [2, 2])
/// let y = try (x + x).relu()
/// print(try y.floats())  // [2.0, 4.0, 6.0, 8.0]
/// ```
public final class Tensor {
  let handle: CTTensor
  /// Its place in a ``Trace``, if it is recorded.
  var traced: TracedValue?

  init(owning handle: CTTensor) { self.handle = handle }

  deinit { ct_tensor_free(handle) }

  /// The size of each dimension.
  public var shape: [Int] { dimensions(ct_sizes) }

  /// Elements between neighbours along each dimension.
  public var strides: [Int] { dimensions(ct_strides) }

  /// The number of elements (`numel`).
  public var count: Int { Int(ct_numel(handle)) }

  /// The type of the elements; nil for a type that Gridless does not use.
  public var dtype: DType? { DType(native: ct_dtype(handle)) }

  /// Where the elements lie.
  public var device: Device {
    let native = ct_device(handle)
    return Device(type: native.type, index: native.type == 0 ? -1 : native.index)
  }

  private func dimensions(_ read: (UnsafeMutablePointer<Int64>?, CTTensor) -> CTStatus) -> [Int] {
    var values = [Int64](repeating: 0, count: Int(ct_dim(handle)))
    let status = read(&values, handle)
    // Neither call fails for the dense tensors that this module makes.
    ct_message_free(status.message)
    return values.map(Int.init)
  }
}

// MARK: Creation

extension Tensor {
  /// Uninitialised memory (`torch.empty`).
  public static func empty(_ shape: [Int], dtype: DType = .float32, device: Device = .cpu) throws(TorchError) -> Tensor
  {
    try withIntArray(shape) { size throws(TorchError) in
      try tensor { ct_empty($0, size, dtype.native, device.native) }
    }
  }

  /// One value everywhere (`torch.full`).
  public static func full(
    _ shape: [Int], _ value: Double, dtype: DType = .float32, device: Device = .cpu
  ) throws(TorchError) -> Tensor {
    try withIntArray(shape) { size throws(TorchError) in
      try tensor { ct_full($0, size, value, dtype.native, device.native) }
    }
  }

  /// `torch.zeros`.
  public static func zeros(_ shape: [Int], dtype: DType = .float32, device: Device = .cpu) throws(TorchError) -> Tensor
  {
    try full(shape, 0, dtype: dtype, device: device)
  }

  /// `torch.ones`.
  public static func ones(_ shape: [Int], dtype: DType = .float32, device: Device = .cpu) throws(TorchError) -> Tensor {
    try full(shape, 1, dtype: dtype, device: device)
  }

  /// A float32 tensor on the CPU with these values in row-major order.
  public convenience init(_ values: [Float], shape: [Int]) throws(TorchError) {
    try self.init(copying: values, shape: shape, dtype: .float32)
  }

  /// A float64 tensor on the CPU with these values in row-major order.
  public convenience init(_ values: [Double], shape: [Int]) throws(TorchError) {
    try self.init(copying: values, shape: shape, dtype: .float64)
  }

  /// An int64 tensor on the CPU with these values in row-major order.
  public convenience init(_ values: [Int64], shape: [Int]) throws(TorchError) {
    try self.init(copying: values, shape: shape, dtype: .int64)
  }

  /// A tensor of these bytes, `[…]` of uint8, on a device.
  package convenience init(bytes: UnsafeRawBufferPointer, shape: [Int], device: Device) throws(TorchError) {
    var handle: CTTensor?
    try withIntArray(shape) { size throws(TorchError) in
      try check(ct_from_host(&handle, bytes.baseAddress, bytes.count, size, DType.uint8.native, device.native))
    }
    guard let handle else { throw TorchError("libtorch returned no tensor") }
    self.init(owning: handle)
  }

  private convenience init<Element>(copying values: [Element], shape: [Int], dtype: DType) throws(TorchError) {
    var handle: CTTensor?
    try withIntArray(shape) { size throws(TorchError) in
      try check(
        values.withUnsafeBytes {
          ct_from_host(&handle, $0.baseAddress, $0.count, size, dtype.native, Device.cpu.native)
        })
    }
    guard let handle else { throw TorchError("libtorch returned no tensor") }
    self.init(owning: handle)
  }
}

// MARK: Reading

extension Tensor {
  /// The values as float32 in logical row-major order, whatever dtype, strides and device.
  public func floats() throws(TorchError) -> [Float] { try hostValues(as: .float32, zero: 0) }

  /// The values as float64 in logical row-major order.
  public func doubles() throws(TorchError) -> [Double] { try hostValues(as: .float64, zero: 0) }

  /// The values as int64 in logical row-major order.
  public func int64s() throws(TorchError) -> [Int64] { try hostValues(as: .int64, zero: 0) }

  /// The value of a tensor of one element.
  public func item() throws(TorchError) -> Double {
    var value = 0.0
    try check(ct_item(&value, handle))
    return value
  }

  private func hostValues<Element>(as dtype: DType, zero: Element) throws(TorchError) -> [Element] {
    let source = try to(dtype: dtype)
    var values = [Element](repeating: zero, count: source.count)
    try check(values.withUnsafeMutableBytes { ct_to_host(source.handle, $0.baseAddress, $0.count) })
    return values
  }

  /// Lends the elements of a contiguous float32 tensor on the CPU.
  public func withMutableFloats<Result>(
    _ body: (UnsafeMutableBufferPointer<Float>) -> Result
  ) throws(TorchError) -> Result {
    guard dtype == .float32, !device.isCUDA, isContiguous else {
      throw TorchError(
        "a contiguous float32 tensor on the CPU expected, found \(dtype.map { "\($0)" } ?? "another dtype") on \(device), strides \(strides)"
      )
    }
    return body(
      UnsafeMutableBufferPointer(start: try address()?.assumingMemoryBound(to: Float.self), count: count))
  }

  /// The address of the first element, nil for an empty tensor.
  ///
  /// Valid as long as the tensor lives.
  public func address() throws(TorchError) -> UnsafeMutableRawPointer? {
    var pointer: UnsafeMutableRawPointer?
    try check(ct_data_pointer(&pointer, handle))
    return pointer
  }

  /// Whether the elements lie in row-major order without gaps.
  public var isContiguous: Bool {
    var expected = 1
    for (size, stride) in zip(shape, strides).reversed() where size != 1 {
      guard stride == expected else { return false }
      expected *= size
    }
    return true
  }
}

/// A tensor of a PyTorch file: a view of a storage, checked to lie within it.
struct StridedTensor {
  let dtype: ScalarType
  let shape: [Int]
  /// In elements.
  let strides: [Int]
  let count: Int
  /// The bytes of the storage, from the view's first element to the storage's end.
  let range: Range<Int>

  /// Checks a pickle's tensor against the storage at `storage` in the file.
  init(_ tensor: PickleTensor, named name: String, in storage: Range<Int>) throws(PyTorchProblem) {
    let text = "tensor '\(name)', \(tensor.dtype.rawValue) \(tensor.shape),"
    let width = tensor.storage.dtype?.byteCount ?? 1
    let (bytes, overflowed) = tensor.storage.count.multipliedReportingOverflow(by: width)
    guard !overflowed, bytes == storage.count else {
      throw PyTorchProblem(
        "the storage '\(tensor.storage.key)' has \(storage.count) bytes, but \(tensor.storage.count) elements of \(width) bytes are claimed"
      )
    }
    guard tensor.shape.count == tensor.strides.count, tensor.shape.allSatisfy({ $0 >= 0 }),
      tensor.strides.allSatisfy({ $0 >= 0 }), tensor.offset >= 0
    else { throw PyTorchProblem("\(text) has the strides \(tensor.strides) and the offset \(tensor.offset)") }
    let size = tensor.dtype.byteCount
    let capacity = storage.count / size
    guard let total = tensor.dtype.byteCount(shape: tensor.shape) else {
      throw PyTorchProblem("the size of \(text) overflows")
    }
    count = total / size
    if count > 0 {
      // The last element is the furthest, as no stride is negative.
      var last = tensor.offset
      for (side, stride) in zip(tensor.shape, tensor.strides) {
        let (distance, overflow) = (side - 1).multipliedReportingOverflow(by: stride)
        let (sum, overflowToo) = last.addingReportingOverflow(distance)
        guard !overflow, !overflowToo else { throw PyTorchProblem("the strides of \(text) overflow") }
        last = sum
      }
      guard last < capacity else {
        throw PyTorchProblem("\(text) reaches element \(last) of a storage of \(capacity)")
      }
      guard count <= capacity else {
        throw PyTorchProblem(
          "\(text) has more elements than its storage, \(capacity)",
          advice: "It was expanded: call .contiguous() on it before torch.save.")
      }
      range = storage.lowerBound + tensor.offset * size..<storage.upperBound
    } else {
      range = storage.lowerBound..<storage.lowerBound
    }
    (dtype, shape, strides) = (tensor.dtype, tensor.shape, tensor.strides)
  }

  /// Whether the elements lie one after the other in logical order.
  private var isContiguous: Bool {
    var expected = 1
    for (side, stride) in zip(shape, strides).reversed() where side != 1 {
      guard stride == expected else { return false }
      expected *= side
    }
    return true
  }

  /// Calls `body` with the elements' bytes in logical order; `file` is the whole file.
  func withBytes<Result>(
    in file: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) rethrows -> Result {
    let stored = UnsafeRawBufferPointer(rebasing: file[range])
    let size = dtype.byteCount
    if count == 0 || isContiguous { return try body(UnsafeRawBufferPointer(rebasing: stored[..<(count * size)])) }
    var gathered = [UInt8](repeating: 0, count: count * size)
    gathered.withUnsafeMutableBytes { target in
      var index = [Int](repeating: 0, count: shape.count)
      var source = 0
      for element in 0..<count {
        for byte in 0..<size { target[element * size + byte] = stored[source * size + byte] }
        // The next index in logical order: the last dimension moves fastest.
        var dimension = shape.count - 1
        while dimension >= 0 {
          index[dimension] += 1
          source += strides[dimension]
          if index[dimension] < shape[dimension] { break }
          source -= index[dimension] * strides[dimension]
          index[dimension] = 0
          dimension -= 1
        }
      }
    }
    return try gathered.withUnsafeBytes(body)
  }
}

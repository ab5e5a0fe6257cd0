import CTorch

extension Tensor {
  /// A view of `length` elements along `dim` from `start` (`torch.narrow`).
  public func narrow(dim: Int, start: Int, length: Int) throws(TorchError) -> Tensor {
    try recorded(.narrow(dim: dim, start: start, length: length)) {
      ct_narrow($0, handle, Int64(dim), Int64(start), Int64(length))
    }
  }

  /// A view with another shape (`Tensor.view`); throws when the strides do not allow one.
  public func view(_ shape: [Int]) throws(TorchError) -> Tensor {
    try withIntArray(shape) { size throws(TorchError) in try recorded(.reshape(shape)) { ct_view($0, handle, size) } }
  }

  /// A view with another shape, or a copy where no view is possible (`torch.reshape`).
  public func reshape(_ shape: [Int]) throws(TorchError) -> Tensor {
    try withIntArray(shape) { size throws(TorchError) in
      try recorded(.reshape(shape)) { ct_reshape($0, handle, size) }
    }
  }

  /// A view with its dimensions in another order (`torch.permute`).
  public func permute(_ dims: [Int]) throws(TorchError) -> Tensor {
    try withIntArray(dims) { array throws(TorchError) in
      try recorded(.permute(dims)) { ct_permute($0, handle, array) }
    }
  }

  /// A view in which dimensions of one element are repeated (`Tensor.expand`).
  public func expand(_ shape: [Int]) throws(TorchError) -> Tensor {
    try withIntArray(shape) { size throws(TorchError) in
      try recorded(.expand(shape)) { ct_expand($0, handle, size) }
    }
  }

  /// The tensor itself if it is row-major, else a row-major copy.
  public func contiguous() throws(TorchError) -> Tensor { try tensor { ct_contiguous($0, handle) } }

  /// A copy with the same strides.
  public func clone() throws(TorchError) -> Tensor { try tensor { ct_clone($0, handle) } }

  /// The tensor with another dtype or on another device; itself if nothing changes.
  public func to(dtype: DType? = nil, device: Device? = nil) throws(TorchError) -> Tensor {
    try recorded(.cast(dtype ?? self.dtype ?? .float32)) {
      ct_to($0, handle, dtype?.native ?? ct_dtype(handle), device?.native ?? ct_device(handle))
    }
  }

  /// Tensors side by side along `dim` (`torch.cat`).
  public static func cat(_ tensors: [Tensor], dim: Int) throws(TorchError) -> Tensor {
    let handles: [CTTensor?] = tensors.map(\.handle)
    guard let first = tensors.first else { return try tensor { ct_cat($0, handles, handles.count, Int64(dim)) } }
    return try first.recorded(.cat(dim: dim), with: Array(tensors.dropFirst())) {
      ct_cat($0, handles, handles.count, Int64(dim))
    }
  }
}

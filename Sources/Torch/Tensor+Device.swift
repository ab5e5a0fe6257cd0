import CTorch

// Arithmetic on scalars that stay on their device, and what else a step there needs.
extension Tensor {
  /// log(1 + eˣ) of each element, x itself above the threshold.
  package func softplus(threshold: Double) throws(TorchError) -> Tensor {
    try tensor { ct_softplus($0, handle, threshold) }
  }

  /// ln x of each element.
  package func log() throws(TorchError) -> Tensor { try tensor { ct_log($0, handle) } }

  /// log(1 + x) of each element.
  package func log1p() throws(TorchError) -> Tensor { try tensor { ct_log1p($0, handle) } }

  /// eˣ − 1 of each element.
  package func expm1() throws(TorchError) -> Tensor { try tensor { ct_expm1($0, handle) } }

  /// The square root of each element.
  package func sqrt() throws(TorchError) -> Tensor { try tensor { ct_sqrt($0, handle) } }

  /// 1/x of each element.
  package func reciprocal() throws(TorchError) -> Tensor { try tensor { ct_reciprocal($0, handle) } }

  /// Each element, at most `limit`.
  package func clamp(max limit: Double) throws(TorchError) -> Tensor { try tensor { ct_clamp_max($0, handle, limit) } }

  /// Whether each element is finite, as bools.
  package func isFinite() throws(TorchError) -> Tensor { try tensor { ct_is_finite($0, handle) } }

  /// Both, of two tensors of bools.
  package func and(_ other: Tensor) throws(TorchError) -> Tensor {
    try tensor { ct_logical_and($0, handle, other.handle) }
  }

  /// Whether each element equals the other's, as bools, with broadcasting.
  package func eq(_ other: Tensor) throws(TorchError) -> Tensor { try tensor { ct_eq($0, handle, other.handle) } }

  /// Where the condition's bools are true the one, else the other, with broadcasting (`torch.where`).
  package static func `where`(_ condition: Tensor, _ one: Tensor, _ other: Tensor) throws(TorchError) -> Tensor {
    try tensor { ct_where($0, condition.handle, one.handle, other.handle) }
  }

  /// The rows whose numbers an int64 tensor `[n]` holds (`torch.index_select` along the first dimension).
  package func indexSelect(_ index: Tensor) throws(TorchError) -> Tensor {
    try tensor { ct_index_select($0, handle, 0, index.handle) }
  }

  /// A view of one element of the first dimension.
  package func select(_ index: Int) throws(TorchError) -> Tensor {
    try tensor { ct_select($0, handle, 0, Int64(index)) }
  }

  /// Fills the tensor with standard normal numbers from its device's default generator.
  package func normal_() throws(TorchError) { try change { ct_normal_(handle) } }

  /// Crops of bytes `[N, H, W, 3]` as float32 `[B, 3, size, size]`, channels-last.
  ///
  /// A row of `crops`, int64 `[B, 4 or more]`, is (image, top, left, mirrored); byte b of the network's channel c
  /// becomes `table[c, b]`, of float32 `[3, 256]`; `reversed` turns the channels' order round first.
  package func crops(_ crops: Tensor, table: Tensor, size: Int, reversed: Bool) throws(TorchError) -> Tensor {
    try tensor { ct_gather_crops($0, handle, crops.handle, table.handle, Int64(size), reversed) }
  }
}

extension Runtime {
  /// Seeds a device's default generator, from which ``Tensor/normal_()`` draws.
  package static func seed(_ seed: UInt64, device: Device) throws(TorchError) {
    try check(ct_manual_seed(device.native, seed))
  }
}

import CTorch

extension Tensor {
  /// The same memory outside of the autograd graph, sharing the version counter.
  public func detach() throws(TorchError) -> Tensor { try tensor { ct_detach($0, handle) } }

  /// Whether operations on this tensor are recorded for `backward`.
  public var requiresGrad: Bool { ct_requires_grad(handle) }

  /// Makes a leaf record operations for `backward`, or stop to.
  public func setRequiresGrad(_ value: Bool) throws(TorchError) { try check(ct_set_requires_grad(handle, value)) }

  /// The gradient that `backward` accumulated, nil if there is none.
  public func grad() throws(TorchError) -> Tensor? {
    var result: CTTensor?
    try check(ct_grad(&result, handle))
    return result.map(Tensor.init(owning:))
  }

  /// Sets the tensor into which `backward` accumulates, of the leaf's shape.
  public func setGrad(_ gradient: Tensor) throws(TorchError) { try check(ct_set_grad(handle, gradient.handle)) }

  /// Accumulates the gradient of this scalar into every leaf that it depends on.
  public func backward() throws(TorchError) { try check(ct_backward(handle)) }
}

/// Runs a body whose operations are not recorded for `backward` (`torch.no_grad`).
public func withoutGrad<Result>(_ body: () throws -> Result) rethrows -> Result {
  let before = ct_set_grad_enabled(false)
  defer { _ = ct_set_grad_enabled(before) }
  return try body()
}

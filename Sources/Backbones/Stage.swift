import Torch

/// One of the parts that an architecture applies one after the other: its stem, a block, the global mean.
public struct Stage: Sendable {
  /// The parameters that are declared up to its end: its own, and those of all stages before it.
  public let parameterCount: Int
  private let apply: @Sendable (Tensor, ForwardContext) throws(TorchError) -> Tensor

  /// A part that ends behind so many parameters.
  init(parameterCount: Int, apply: @escaping @Sendable (Tensor, ForwardContext) throws(TorchError) -> Tensor) {
    (self.parameterCount, self.apply) = (parameterCount, apply)
  }

  /// The next stage's input, of this one's.
  public func callAsFunction(_ x: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor {
    try apply(x, context)
  }
}

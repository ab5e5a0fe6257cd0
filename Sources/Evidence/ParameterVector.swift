import Backbones
import Torch

/// The weights that a network computes with, and their gradients: two flat vectors, and one leaf per parameter.
///
/// Each leaf is a detached view of its slice of ``weights`` and has its slice of ``gradients`` as `.grad`, set once. So
/// writing to the flat vector changes the network, and `backward` fills the flat gradient; nothing is gathered or
/// scattered.
public final class ParameterVector {
  /// Where each parameter lies.
  public let layout: ParameterLayout
  /// The sampled weights, `[layout.paddedCount]`.
  public let weights: Tensor
  /// The gradient of the loss with respect to ``weights``, `[layout.paddedCount]`; padding stays 0.
  public let gradients: Tensor
  /// The network's parameters, in the layout's order and PyTorch's logical shapes.
  public let leaves: [Tensor]

  /// Zero weights and gradients for a layout.
  public init(layout: ParameterLayout, dtype: DType = .float32, device: Device = .cpu) throws(TorchError) {
    self.layout = layout
    weights = try Tensor.zeros([layout.paddedCount], dtype: dtype, device: device)
    gradients = try Tensor.zeros([layout.paddedCount], dtype: dtype, device: device)
    var leaves: [Tensor] = []
    for (view, gradient) in zip(try layout.views(of: weights), try layout.views(of: gradients)) {
      let leaf = try view.detach()
      try leaf.setRequiresGrad(true)
      try leaf.setGrad(gradient)
      leaves.append(leaf)
    }
    self.leaves = leaves
  }
}

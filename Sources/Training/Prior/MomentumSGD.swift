import Torch

/// SGD with momentum 0.9 and L2 regularisation, as SWAG uses it: PyTorch's v ← μv + g + βw, w ← w − ηv.
package final class MomentumSGD {
  /// μ.
  package let momentum = 0.9
  /// β.
  package let weightDecay: Double

  private let velocity: Tensor

  /// An optimiser at rest for a vector like `weights`.
  package init(like weights: Tensor, weightDecay: Double) throws(TorchError) {
    self.weightDecay = weightDecay
    velocity = try Tensor.zeros(weights.shape, dtype: weights.dtype ?? .float32, device: weights.device)
  }

  /// Changes the weights by one step, and zeroes the gradients for the next backward.
  package func step(_ weights: Tensor, _ gradients: Tensor, learningRate: Double) throws(TorchError) {
    try velocity.mul_(momentum)
    try velocity.add_(gradients)
    if weightDecay > 0 { try velocity.add_(weights, alpha: weightDecay) }
    try weights.add_(velocity, alpha: -learningRate)
    try gradients.zero_()
  }
}

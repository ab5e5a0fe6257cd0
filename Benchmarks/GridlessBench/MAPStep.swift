import Gridless

/// The step that a grid search would repeat: cross-entropy and weight decay, clipped to norm 1, Nesterov.
///
/// The same network, batches and vector operations as the variational step, without noise and KL: what is left between
/// the two is the price of learning the regularization.
final class MAPStep: TrainingStep {
  private let model: Model
  private let velocity: Tensor
  private var batches: TrainingBatches
  private let (momentum, weightDecay, maxNorm) = (0.9, 1e-4, 1.0)

  init(model: Model, mean: Tensor, batches: TrainingBatches) throws {
    self.model = model
    self.batches = batches
    velocity = try Tensor.zeros(mean.shape)
    try withoutGrad { try model.vector.weights.copy_(mean) }
  }

  func callAsFunction() throws -> Double {
    let (images, labels) = try batches.next()
    let (weights, gradients) = (model.vector.weights, model.vector.gradients)
    try gradients.zero_()
    let loss = try model(images, mode: .training(momentum: 0.1)).crossEntropy(labels)
    try loss.backward()
    try withoutGrad {
      try gradients.add_(weights, alpha: weightDecay)
      let scale = min(1, maxNorm / (try gradients.dot(gradients).squareRoot() + 1e-6))
      try velocity.mul_(momentum)
      try velocity.add_(gradients, alpha: scale)
      try weights.add_(gradients, alpha: -benchLearningRate * scale)
      try weights.add_(velocity, alpha: -benchLearningRate * momentum)
    }
    return try loss.item()
  }
}

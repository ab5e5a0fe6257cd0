import Gridless

/// The step that a grid search would repeat: cross-entropy and weight decay, clipped to norm 1, Nesterov.
///
/// The same network, batches and passes over the vector as the variational step, without noise and KL: what is left
/// between the two is the price of learning the regularization.
final class MAPStep: TrainingStep {
  private let vector: ParameterVector
  private let model: Model
  private let velocity: Tensor
  private let groups: [VectorGroup]
  private var batches: TrainingBatches
  private let (momentum, maxNorm) = (0.9, 1.0)

  init(model: Model, mean: Tensor, batches: TrainingBatches) throws {
    (self.model, vector, self.batches) = (model, model.vector, batches)
    velocity = try Tensor.zeros(mean.shape)
    groups = [vector.layout.backboneRange, vector.layout.headRange].map {
      VectorGroup(range: $0, isCentered: false, pull: 1e-4)  // the weight decay
    }
    try vector.set(mean)
    // Of a bfloat16 network, what can be bfloat16: without noise there is none to lose.
    vector.choosePrecision(sigmas: vector.blocks.map { _ in .infinity })
  }

  func callAsFunction() throws -> Double {
    let (images, labels) = try batches.next()
    if let reduced = vector.reducedWeights { try reduced.copy_(vector.weights) }
    let loss = try model(images, mode: .training(momentum: 0.1)).crossEntropy(labels)
    try loss.backward()
    let sums = try vector.passes.reduce(
      gradients: vector.gradients, reduced: vector.reducedGradients, mean: vector.weights, center: nil, groups: groups,
      noise: nil)
    let norm = (sums[0].squaredNorm + sums[1].squaredNorm).squareRoot()
    try vector.passes.nesterov(
      mean: vector.weights, center: nil, gradients: vector.gradients, reduced: vector.reducedGradients,
      velocity: velocity, groups: groups, scale: min(1, maxNorm / (norm + 1e-6)), momentum: momentum,
      learningRate: benchLearningRate)
    return try loss.item()
  }
}

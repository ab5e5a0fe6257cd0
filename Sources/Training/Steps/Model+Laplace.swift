import Backbones
import Baselines
import Evidence
import Torch

extension Model {
  /// The Laplace evidence at a point, with the empirical Fisher of every example of `data`, one by one.
  ///
  /// In float32 and evaluation mode: BatchNorm has its running statistics, and images are not augmented. `center` is
  /// the mean of the backbone's prior, nil for 0. Leaves the point in the weights. Throws PyTorch's errors, and what
  /// ends an interrupted run.
  func laplaceEvidence(at mean: Tensor, center: Tensor?, on data: ExampleBatches) throws -> LaplaceEvidence {
    try vector.set(mean)
    let groups = vector.blocks.map {
      VectorGroup(range: $0.range, isCentered: $0.part == .backbone && center != nil)
    }
    // Without noise the pass copies the mean, and finds its distances from the prior's.
    let distances = try vector.passes.sample(
      mean: mean, center: center, groups: groups, noise: .drawn(NormalDraws(seed: 0, step: 0)), into: vector.weights)
    let fisher = try DiagonalFisher(like: vector)
    do {
      try data.forEachEvaluationBatch(atMost: 1) { image, label in
        let logLikelihood = try Likelihood.categorical.logLikelihood(self(image, mode: .evaluation), label).sum()
        try logLikelihood.backward()
        try fisher.add(logLikelihood: logLikelihood.item(), in: vector)
      }
    } catch {
      try vector.gradients.zero_()
      throw error
    }
    return try LaplaceEvidence(fisher, blocks: vector.blocks, squaredDistances: distances)
  }
}

import Evidence
import Torch

/// One optimisation step of the data-emphasized ELBO: sample the weights, run the network both ways, complete the
/// gradient, update the posterior.
package struct VariationalStep {
  let model: Model
  let objective: DataEmphasizedELBO
  let noise: Noise

  /// A step of a model under an objective.
  package init(model: Model, objective: DataEmphasizedELBO, noise: Noise) {
    (self.model, self.objective, self.noise) = (model, objective, noise)
  }

  /// What a step found.
  package struct Outcome {
    /// The loss at the sampled weights, with its terms apart.
    package var terms: ObjectiveTerms
    /// The gradient's norm before clipping.
    package var gradientNorm: Double

    /// Whether the posterior was changed: only where every term is finite.
    package var isApplied: Bool { terms.nll.isFinite && terms.kl.isFinite && gradientNorm.isFinite }
  }

  /// Changes the posterior by one step on a batch; where a term is not finite nothing is changed.
  package func callAsFunction(
    images: Tensor, labels: Tensor, draws: NormalDraws, posterior: IsotropicPosterior, optimizer: NesterovSGD,
    learningRate: Double
  ) throws -> Outcome {
    try noise.draw(draws)
    try withoutGrad { try posterior.sample(noise.epsilon, into: model.vector.weights) }
    try model.vector.gradients.zero_()
    let nll = try model(images, mode: .training(momentum: 0.1)).crossEntropy(labels)
    try nll.backward()
    let value = try nll.item()
    return try withoutGrad { () throws(TorchError) in
      let (terms, rhoGradient) = try objective.completeGradient(
        nll: value, gradients: model.vector.gradients, epsilon: noise.epsilon, posterior: posterior)
      guard terms.loss.isFinite else { return Outcome(terms: terms, gradientNorm: .nan) }
      let norm = try optimizer.step(
        posterior, gradients: model.vector.gradients, rhoGradient: rhoGradient, learningRate: learningRate)
      return Outcome(terms: terms, gradientNorm: norm)
    }
  }
}

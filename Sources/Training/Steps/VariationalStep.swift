import Backbones
import Evidence
import Torch

/// One optimisation step of the data-emphasized ELBO: sample the weights, run the network both ways, complete the
/// gradient, update the posterior.
package struct VariationalStep {
  let model: Model
  /// What is minimised; its prior's scales may be changed between steps.
  package var objective: DataEmphasizedELBO
  /// What the network's outputs say about the labels; the step does not change it.
  package var likelihood = Likelihood.categorical

  /// M, the posterior samples of a step.
  let samples: Int
  /// Whether every second sample mirrors the one before it at the mean.
  let antithetic: Bool
  /// Whether residual branches are dropped, in networks that have stochastic depth.
  package var dropsBranches = false

  /// A step of a model under an objective.
  package init(model: Model, objective: DataEmphasizedELBO, samples: Int = 1, antithetic: Bool = false) {
    (self.model, self.objective) = (model, objective)
    (self.samples, self.antithetic) = (samples, antithetic)
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

  /// Changes the posterior by one step on a batch; where a term is not finite neither it nor the optimiser is changed.
  ///
  /// The running statistics move with the forward pass all the same, and the gradients then stay in the vector.
  package func callAsFunction(
    inputs: Tensor, targets: Tensor, draws: NormalDraws, posterior: GaussianPosterior, optimizer: NesterovSGD,
    learningRate: Double, rhoLearningRate: Double
  ) throws -> Outcome {
    let vector = model.vector
    var sum = try objective.zeroGradient(of: posterior, samples: samples)
    var divergences = Divergences.none(posterior.blocks)
    for sample in 0..<samples {
      let isMirrored = antithetic && sample % 2 == 1
      let number = UInt64(isMirrored ? sample - 1 : sample)
      let draw = draws.step * UInt64(samples) + number
      let noise = Noise.drawn(NormalDraws(seed: draws.seed, step: draw))
      let drops = dropsBranches ? BranchDrops(seed: draws.seed, step: draw) : nil
      divergences = try objective.sample(posterior, noise, antithetic: isMirrored, into: vector)
      let nll = try likelihood.loss(model(inputs, mode: .training(), drops: drops), targets)
      try nll.backward()
      try objective.add(
        nll: nll.item(), at: noise, antithetic: isMirrored, of: posterior, divergences, in: vector, to: &sum)
    }
    let gradient = try objective.gradient(sum, of: posterior, divergences, in: vector)
    guard gradient.terms.loss.isFinite else { return Outcome(terms: gradient.terms, gradientNorm: .nan) }
    let norm = try optimizer.step(
      posterior, gradient, in: vector, learningRate: learningRate, rhoLearningRate: rhoLearningRate)
    return Outcome(terms: gradient.terms, gradientNorm: norm)
  }
}

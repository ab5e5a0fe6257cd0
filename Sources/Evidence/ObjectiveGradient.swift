import Torch

/// The gradient of the mean NLL, averaged over the posterior samples of a step.
public struct SampledGradient {
  /// M, the samples of the step.
  public var samples: Int
  /// The mean NLL of the batch, averaged over the samples.
  public var nll = 0.0
  /// Σᵢ gᵢεᵢ of each block.
  public var dots: [Double]
  /// gᵢεᵢ of every parameter, in the diagonal family.
  public var products: Tensor?
  /// The sum of g, a flat vector of the mean's dtype; nil with one sample, which stays where backward left it.
  public var weights: Tensor?
  /// The squared norm of the last sample's gradient, with the pull of a prior whose Σ = I; 0 in the diagonal family.
  ///
  /// With one sample that is the step's. Of several, in the diagonal family and with a low-rank Σ, the step's is formed
  /// from the whole gradient at its end.
  public var squaredNorm = 0.0
}

/// The gradient of the loss (3).
public struct ObjectiveGradient {
  /// The loss with its terms apart.
  public var terms: ObjectiveTerms
  /// That with respect to each ρ; empty where σ is not learned, or has a value per parameter.
  public var rho: [Double]
  /// That with respect to a ρ per parameter, a flat vector.
  public var rhoVector: Tensor?
  /// The squared norm of that with respect to the mean.
  public var squaredNorm: Double
  /// The blocks, with the priors' pulls.
  public var groups: [VectorGroup]
  /// The mean of the priors that are centered.
  public var center: Tensor?

  /// Gathers what an optimiser needs.
  public init(
    terms: ObjectiveTerms, rho: [Double], rhoVector: Tensor? = nil, squaredNorm: Double, groups: [VectorGroup],
    center: Tensor?
  ) {
    (self.terms, self.rho, self.rhoVector, self.squaredNorm) = (terms, rho, rhoVector, squaredNorm)
    (self.groups, self.center) = (groups, center)
  }
}

/// The loss with its terms apart, and the learned scales.
public struct ObjectiveTerms: Sendable, Equatable {
  /// The mean negative log likelihood of the batch, in nats.
  public var nll: Double
  /// KL(q ‖ p) at λ* and τ*, in nats.
  public var kl: Double
  /// 1/(κN), by which the KL enters the loss; 0 without a prior.
  public var klWeight: Double
  /// λ, the variance of the backbone's prior, averaged over its parameters; nil where nothing of it is trained, or
  /// without a prior.
  public var lambda: Double?
  /// τ, that of the head's prior.
  public var tau: Double?
  /// σ, the posterior's standard deviation: the root mean square over all parameters.
  public var sigma: Double

  /// Gathers the six.
  public init(nll: Double, kl: Double, klWeight: Double, lambda: Double?, tau: Double?, sigma: Double) {
    (self.nll, self.kl, self.klWeight) = (nll, kl, klWeight)
    (self.lambda, self.tau, self.sigma) = (lambda, tau, sigma)
  }

  /// mean NLL + KL/(κN). (3)
  public var loss: Double { nll + klWeight * kl }
}

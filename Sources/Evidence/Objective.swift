import Backbones
import Torch

/// The data-emphasized evidence lower bound, J = κ·E_q[log p(y | w, V)] − KL(q ‖ p). (2)
///
/// The expectation is over the sum of the N log likelihoods. κ = 1 is the ELBO; κ = D/N is the data-emphasized ELBO of
/// Harvey, Petrov and Hughes (arXiv 2410.19675). Minimised as the loss −J/(κN) = mean NLL + KL/(κN). (3)
public struct DataEmphasizedELBO {
  /// The weight of the data.
  public let kappa: Double
  /// N, the number of training examples.
  public let examples: Int
  /// The prior of the backbone's slice, whose scale is λ.
  public let backbonePrior: any Prior
  /// The prior of the head's slice, whose scale is τ.
  public let headPrior: any Prior
  /// m where a prior is centered, a flat vector in the layout's order.
  public let center: Tensor?

  private let ranges: [Range<Int>]

  /// An objective for N examples; κ defaults to D/N.
  public init(
    layout: ParameterLayout, examples: Int, kappa: Double? = nil, backbonePrior: any Prior, headPrior: any Prior,
    center: Tensor?
  ) {
    self.kappa = kappa ?? Double(layout.count) / Double(examples)
    self.examples = examples
    self.backbonePrior = backbonePrior
    self.headPrior = headPrior
    self.center = center
    ranges = [layout.backboneRange, layout.headRange]
  }

  /// The objective of the published method: L2-SP around `pretrained` (0 if nil) for the backbone, L2-zero for the head.
  ///
  /// `pretrained` is a flat vector in the layout's order, of which only the backbone's slice is read.
  public static func l2SP(
    layout: ParameterLayout, pretrained: Tensor?, examples: Int, kappa: Double? = nil
  ) -> DataEmphasizedELBO {
    DataEmphasizedELBO(
      layout: layout, examples: examples, kappa: kappa,
      backbonePrior: IsotropicPrior(count: layout.backboneCount, isCentered: pretrained != nil),
      headPrior: IsotropicPrior(count: layout.headCount, isCentered: false), center: pretrained)
  }

  /// Writes one sample of the posterior, w = w̄ + σε, to the vector's weights.
  ///
  /// - Returns: KL(q ‖ p) of both slices at λ* and τ*, which the same pass over the mean finds.
  @discardableResult
  public func sample(
    _ posterior: IsotropicPosterior, _ noise: Noise, into vector: ParameterVector
  ) throws(TorchError) -> Divergences {
    let sigma = posterior.sigma
    vector.choosePrecision(sigma: sigma)
    let distances = try vector.passes.sample(
      mean: posterior.mean, center: center, groups: groups(sigma: sigma), noise: noise, into: vector.weights,
      reduced: vector.reducedWeights)
    return Divergences(
      backbone: backbonePrior.divergence(squaredDistance: distances[0], sigma: sigma),
      head: headPrior.divergence(squaredDistance: distances[1], sigma: sigma))
  }

  /// The loss's gradient, from that of the mean NLL at the sampled weights, which `backward` left in the vector.
  ///
  /// By the chain rule ∂NLL/∂σ = Σᵢ gᵢεᵢ; the KL's part has a closed form. With respect to the mean it is g + c(w̄ − m),
  /// c = 1/(κNλ*): formed where it is used, never stored.
  public func gradient(
    nll: Double, of posterior: IsotropicPosterior, _ noise: Noise, _ divergences: Divergences,
    in vector: ParameterVector
  ) throws(TorchError) -> ObjectiveGradient {
    let klWeight = 1 / (kappa * Double(examples))
    let (backbone, head) = (divergences.backbone, divergences.head)
    let groups = groups(sigma: posterior.sigma, pulls: [klWeight / backbone.scale, klWeight / head.scale])
    let sums = try vector.passes.reduce(
      gradients: vector.gradients, reduced: vector.reducedGradients, mean: posterior.mean, center: center,
      groups: groups, noise: noise)
    let sigmaGradient = sums[0].dot + sums[1].dot + klWeight * (backbone.sigmaGradient + head.sigmaGradient)
    return ObjectiveGradient(
      terms: ObjectiveTerms(
        nll: nll, kl: divergences.kl, klWeight: klWeight, lambda: backbone.scale, tau: head.scale,
        sigma: posterior.sigma),
      rho: sigmaGradient * posterior.sigmaSlope, squaredNorm: sums[0].squaredNorm + sums[1].squaredNorm,
      groups: groups, center: center)
  }

  private func groups(sigma: Double, pulls: [Double] = [0, 0]) -> [VectorGroup] {
    zip(zip(ranges, [backbonePrior, headPrior]), pulls).map { slice, pull in
      VectorGroup(range: slice.0, isCentered: slice.1.isCentered, sigma: sigma, pull: pull)
    }
  }
}

/// KL(q ‖ p) of both slices.
public struct Divergences: Sendable, Equatable {
  /// At λ*.
  public var backbone: Divergence
  /// At τ*.
  public var head: Divergence

  /// The whole KL, in nats.
  public var kl: Double { backbone.kl + head.kl }
}

/// The gradient of the loss (3).
public struct ObjectiveGradient {
  /// The loss with its terms apart.
  public var terms: ObjectiveTerms
  /// That with respect to ρ.
  public var rho: Double
  /// The squared norm of that with respect to the mean.
  public var squaredNorm: Double
  /// The slices, with the priors' pulls.
  public var groups: [VectorGroup]
  /// The mean of the priors that are centered.
  public var center: Tensor?

  /// Gathers what an optimiser needs.
  public init(
    terms: ObjectiveTerms, rho: Double, squaredNorm: Double, groups: [VectorGroup], center: Tensor?
  ) {
    (self.terms, self.rho, self.squaredNorm, self.groups, self.center) = (terms, rho, squaredNorm, groups, center)
  }
}

/// The loss with its terms apart, and the learned scales.
public struct ObjectiveTerms: Sendable, Equatable {
  /// The mean negative log likelihood of the batch, in nats.
  public var nll: Double
  /// KL(q ‖ p) at λ* and τ*, in nats.
  public var kl: Double
  /// 1/(κN), by which the KL enters the loss.
  public var klWeight: Double
  /// λ*, the variance of the backbone's prior.
  public var lambda: Double
  /// τ*, the variance of the head's prior.
  public var tau: Double
  /// σ, the posterior's standard deviation.
  public var sigma: Double

  /// Gathers the six.
  public init(nll: Double, kl: Double, klWeight: Double, lambda: Double, tau: Double, sigma: Double) {
    (self.nll, self.kl, self.klWeight) = (nll, kl, klWeight)
    (self.lambda, self.tau, self.sigma) = (lambda, tau, sigma)
  }

  /// mean NLL + KL/(κN). (3)
  public var loss: Double { nll + klWeight * kl }
}

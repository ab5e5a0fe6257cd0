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

  private let backboneRange: Range<Int>
  private let headRange: Range<Int>

  /// An objective for N examples; κ defaults to D/N.
  public init(
    layout: ParameterLayout, examples: Int, kappa: Double? = nil, backbonePrior: any Prior, headPrior: any Prior
  ) {
    self.kappa = kappa ?? Double(layout.count) / Double(examples)
    self.examples = examples
    self.backbonePrior = backbonePrior
    self.headPrior = headPrior
    backboneRange = layout.backboneRange
    headRange = layout.headRange
  }

  /// The objective of the published method: L2-SP around `pretrained` (0 if nil) for the backbone, L2-zero for the head.
  ///
  /// `pretrained` is a flat vector in the layout's order, of which only the backbone's slice is read.
  public static func l2SP(
    layout: ParameterLayout, pretrained: Tensor?, examples: Int, kappa: Double? = nil
  ) throws(TorchError) -> DataEmphasizedELBO {
    var center: Tensor?
    if let pretrained { center = try slice(pretrained, layout.backboneRange) }
    return DataEmphasizedELBO(
      layout: layout, examples: examples, kappa: kappa,
      backbonePrior: IsotropicPrior(center: center, count: layout.backboneCount),
      headPrior: IsotropicPrior(center: nil, count: layout.headCount))
  }

  /// KL(q ‖ p) of both slices at λ* and τ*.
  public func divergence(
    of posterior: IsotropicPosterior
  ) throws(TorchError) -> (backbone: Divergence, head: Divergence) {
    (
      try backbonePrior.divergence(mean: Self.slice(posterior.mean, backboneRange), sigma: posterior.sigma),
      try headPrior.divergence(mean: Self.slice(posterior.mean, headRange), sigma: posterior.sigma)
    )
  }

  /// Completes a step's gradient.
  ///
  /// On entry `gradients` holds the gradient of the mean NLL at w = w̄ + σε; on return that of the loss (3) with respect
  /// to the mean. By the chain rule ∂NLL/∂σ = Σᵢ gᵢεᵢ.
  ///
  /// - Returns: the loss with its terms apart, and its gradient with respect to ρ.
  public func completeGradient(
    nll: Double, gradients: Tensor, epsilon: Tensor, posterior: IsotropicPosterior
  ) throws(TorchError) -> (terms: ObjectiveTerms, rhoGradient: Double) {
    let klWeight = 1 / (kappa * Double(examples))
    let nllSigmaGradient = try gradients.dot(epsilon)
    let (backbone, head) = try divergence(of: posterior)
    for (prior, divergence, range) in [(backbonePrior, backbone, backboneRange), (headPrior, head, headRange)] {
      try prior.addGradient(
        of: divergence, at: Self.slice(posterior.mean, range), weight: klWeight, to: Self.slice(gradients, range))
    }
    let klSigmaGradient = backbone.sigmaGradient + head.sigmaGradient
    let terms = ObjectiveTerms(
      nll: nll, kl: backbone.kl + head.kl, klWeight: klWeight, lambda: backbone.scale, tau: head.scale,
      sigma: posterior.sigma)
    return (terms, (nllSigmaGradient + klWeight * klSigmaGradient) * posterior.sigmaSlope)
  }

  private static func slice(_ vector: Tensor, _ range: Range<Int>) throws(TorchError) -> Tensor {
    try vector.narrow(dim: 0, start: range.lowerBound, length: range.count)
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

  /// mean NLL + KL/(κN). (3)
  public var loss: Double { nll + klWeight * kl }
}

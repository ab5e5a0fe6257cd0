import Foundation
import Torch

/// A prior N(m, λΣ) over one slice of the parameter vector, whose scale λ is learned by its closed form.
public protocol Prior {
  /// The number of parameters that it speaks of, D, without padding.
  var count: Int { get }
  /// KL(q ‖ p) at the scale that minimises it.
  func divergence(mean: Tensor, sigma: Double) throws(TorchError) -> Divergence
  /// gradient += weight · ∂KL/∂mean. (7)
  func addGradient(
    of divergence: Divergence, at mean: Tensor, weight: Double, to gradient: Tensor
  ) throws(TorchError)
}

/// KL(q ‖ p) of one slice at the prior's best scale.
public struct Divergence: Sendable, Equatable {
  /// λ* (or τ*): a variance.
  public var scale: Double
  /// KL(q ‖ p), in nats.
  public var kl: Double
  /// ∂KL/∂σ.
  public var sigmaGradient: Double

  /// Gathers the three.
  public init(scale: Double, kl: Double, sigmaGradient: Double) {
    (self.scale, self.kl, self.sigmaGradient) = (scale, kl, sigmaGradient)
  }
}

/// N(m, λI): L2-SP when m holds the pretrained weights, L2-zero when m is 0.
///
/// With A = ‖w̄ − m‖², accumulated in float64:
/// - λ* = (A + σ²D) / D (5)
/// - KL at λ* = ½ D ln(λ*/σ²) = ½ D log1p(A / (Dσ²)), a form that does not cancel (6)
/// - ∂KL/∂w̄ = (w̄ − m) / λ* (7)
/// - ∂KL/∂σ = −(A/λ*) / σ (8)
public struct IsotropicPrior: Prior {
  /// m, a flat vector with the slice's padding; nil stands for 0.
  public let center: Tensor?
  /// D, without padding.
  public let count: Int

  /// A prior around `center` over `count` parameters.
  public init(center: Tensor?, count: Int) {
    self.center = center
    self.count = count
  }

  /// The closed forms (5), (6) and (8).
  public func divergence(mean: Tensor, sigma: Double) throws(TorchError) -> Divergence {
    let distance = if let center { try mean.squaredDistance(to: center) } else { try mean.dot(mean) }
    let dimension = Double(count)
    let scale = distance / dimension + sigma * sigma
    return Divergence(
      scale: scale,
      kl: 0.5 * dimension * log1p(distance / (dimension * sigma * sigma)),
      sigmaGradient: -(distance / scale) / sigma)
  }

  /// The closed form (7), at the scale of the divergence.
  public func addGradient(
    of divergence: Divergence, at mean: Tensor, weight: Double, to gradient: Tensor
  ) throws(TorchError) {
    let factor = weight / divergence.scale
    if let center {
      try gradient.addDifference_(mean, center, alpha: factor)
    } else {
      try gradient.add_(mean, alpha: factor)
    }
  }
}

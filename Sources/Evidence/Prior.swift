import Foundation

/// A prior over one slice of the parameter vector, around a mean m, whose scale λ is learned by its closed form.
public protocol Prior: Sendable {
  /// The number of parameters that it speaks of, D, without padding.
  var count: Int { get }
  /// Whether m holds the pretrained weights (L2-SP); otherwise it is 0 (L2-zero).
  var isCentered: Bool { get }
  /// KL(q ‖ p) at the scale that minimises it, from ‖w̄ − m‖² and σ.
  func divergence(squaredDistance: Double, sigma: Double) -> Divergence
}

/// KL(q ‖ p) of one slice at the prior's best scale.
public struct Divergence: Sendable, Equatable {
  /// λ* (or τ*): a variance.
  ///
  /// The KL's gradient with respect to the mean is (w̄ − m) / λ*, by (7).
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
  /// D, without padding.
  public let count: Int
  /// Whether m holds the pretrained weights.
  public let isCentered: Bool

  /// A prior over `count` parameters.
  public init(count: Int, isCentered: Bool) {
    self.count = count
    self.isCentered = isCentered
  }

  /// The closed forms (5), (6) and (8).
  public func divergence(squaredDistance: Double, sigma: Double) -> Divergence {
    // Of no parameters A is 0, and so is the KL.
    let dimension = Double(max(1, count))
    let scale = squaredDistance / dimension + sigma * sigma
    return Divergence(
      scale: scale,
      kl: 0.5 * dimension * log1p(squaredDistance / (dimension * sigma * sigma)),
      sigmaGradient: -(squaredDistance / scale) / sigma)
  }
}

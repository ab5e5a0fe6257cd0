import Foundation
import Torch

/// The isotropic Gaussian posterior q = N(w; w̄, σ²I) N(V; V̄, σ²I) with one learned σ = softplus(ρ). (1)
///
/// The noise is a property of the vector, not of layers: every trainable parameter is sampled, w = w̄ + σε.
public final class IsotropicPosterior {
  /// The mean (w̄, V̄), a flat vector.
  public let mean: Tensor
  /// What is learned in place of σ; any real number.
  public var rho: Double

  /// A posterior around a mean, which it keeps and training changes in place.
  ///
  /// σ₀ is 1e-4, as published.
  public init(mean: Tensor, sigma: Double = 1e-4) {
    self.mean = mean
    rho = log(expm1(sigma))
  }

  /// The standard deviation of every parameter, σ = ln(1 + e^ρ).
  public var sigma: Double { rho > 30 ? rho : log1p(exp(rho)) }

  /// ∂σ/∂ρ = 1 − e^(−σ). (9)
  public var sigmaSlope: Double { -expm1(-sigma) }
}

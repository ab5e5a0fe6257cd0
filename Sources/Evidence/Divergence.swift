import Foundation

/// What the closed forms need to know of the posterior in one block.
public struct Moments: Sendable, Equatable {
  /// D, the number of parameters.
  public var count: Double
  /// (w̄ − m)ᵀ Σ⁻¹ (w̄ − m), accumulated in float64.
  ///
  /// Where Σ ties blocks together only its sum over them has a meaning.
  public var squaredDistance: Double
  /// The mean of σᵢ² (Σ⁻¹)ᵢᵢ: σ² where Σ = I.
  public var variance: Double
  /// The mean of ln σᵢ².
  public var logVariance: Double

  /// Gathers the four.
  public init(count: Double, squaredDistance: Double, variance: Double, logVariance: Double) {
    (self.count, self.squaredDistance) = (count, squaredDistance)
    (self.variance, self.logVariance) = (variance, logVariance)
  }
}

/// KL(q ‖ p) over blocks whose prior N(m, λΣ) has one scale λ.
///
/// With D, A = (w̄ − m)ᵀΣ⁻¹(w̄ − m) and S = Σᵢ σᵢ²(Σ⁻¹)ᵢᵢ over all of them:
/// - for any λ: KL = ½ [ (A + S)/λ − D + D ln λ + ln det Σ − Σᵢ ln σᵢ² ] (4)
/// - λ* = (A + S) / D (5)
/// - KL at λ* = ½ [ D log1p(A/S) + Σᵢ ln(v̄/σᵢ²) + ln det Σ ], v̄ = S/D, a form that does not cancel (6)
/// - ∂KL/∂w̄ = Σ⁻¹(w̄ − m) / λ (7)
/// - ∂KL/∂σᵢ = (σᵢ²(Σ⁻¹)ᵢᵢ/λ − 1) / σᵢ; at λ* and with one σ that is −(A/λ*)/σ over all i (8)
public struct Divergence: Sendable, Equatable {
  /// λ (or τ): a variance.
  public var scale: Double
  /// KL(q ‖ p), in nats.
  public var kl: Double
  /// v/λ − 1 of each block, v being its ``Moments/variance``: with D/σ it is ∂KL/∂σ. (8)
  public var excesses: [Double]

  /// A point's: −log N(w̄; m, λΣ) without the terms that do not depend on w̄, A/(2λ). (4a)
  ///
  /// With it the loss (3) is that of MAP: at κ = 1, mean NLL + (α/2)A with α = 1/(Nλ); λ = ∞ is no penalty.
  public init(pointAt squaredDistance: Double, scale: Double, blocks: Int) {
    (self.scale, kl) = (scale, 0.5 * squaredDistance / scale)
    excesses = [Double](repeating: 0, count: blocks)
  }

  /// The divergence at `scale`, or where that is nil at the scale that minimises it.
  public init(_ blocks: [Moments], logDeterminant: Double = 0, scale fixed: Double? = nil) {
    let dimension = blocks.reduce(0) { $0 + $1.count }
    let distance = blocks.reduce(0) { $0 + $1.squaredDistance }
    // v̄ by deviations from the first block's: exactly that where all are equal, so that nothing is left of (6) at w̄ =
    // m.
    let first = blocks.first?.variance ?? 0
    let variance = first + blocks.reduce(0) { $0 + $1.count * ($1.variance - first) } / dimension
    if let fixed {
      scale = fixed
      excesses = blocks.map { $0.variance / fixed - 1 }
      let trace = zip(blocks, excesses).reduce(0) { $0 + $1.0.count * ($1.1 + log(fixed) - $1.0.logVariance) }
      kl = 0.5 * (distance / fixed + trace + logDeterminant)
    } else {
      let best = distance / dimension + variance
      scale = best
      excesses = blocks.map { (($0.variance - variance) - distance / dimension) / best }
      let gap = blocks.reduce(0) { $0 + $1.count * (log(variance) - $1.logVariance) }
      kl = 0.5 * (dimension * log1p(distance / (dimension * variance)) + gap + logDeterminant)
    }
  }
}

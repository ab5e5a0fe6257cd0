import Backbones
import Foundation
import Torch

/// The Gaussian posterior q = N(w; w̄, diag σ²), with σ = softplus(ρ) learned. (1)
///
/// The noise is a property of the vector, not of layers: every trainable parameter is sampled, w = w̄ + σε.
public final class GaussianPosterior {
  /// Which parameters share a σ.
  public enum Family: String, Codable, Sendable, CaseIterable {
    /// All of them, as published.
    case isotropic
    /// Those of one tensor.
    case layerwise
    /// None: every parameter has its own.
    case diagonal

    /// How finely the vector must be divided.
    public var division: ParameterLayout.Division { self == .isotropic ? .parts : .tensors }
  }

  /// Which parameters share a σ.
  public let family: Family
  /// The runs of the vector that have closed forms of their own.
  public let blocks: [ParameterBlock]
  /// The mean (w̄, V̄), a flat vector.
  public let mean: Tensor
  /// What is learned in place of σ, any real numbers: one, or one per block, or none in the diagonal family.
  public var rho: [Double]
  /// The same in the diagonal family: a flat vector, one number per parameter.
  public let rhoVector: Tensor?
  /// Whether ρ is learned; otherwise σ is the one that it began with, to the last bit.
  public var isLearned = true
  /// Whether it is a point: without noise, whatever is trained is a mode.
  public var isPoint: Bool { !isLearned && start == 0 }
  private let start: Double

  /// A posterior around a mean, which it keeps and training changes in place.
  ///
  /// `mean` is a flat vector `[layout.paddedCount]`, zero in its padding, of float32 or float64. `blocks` must divide
  /// it as the `ParameterVector` is divided into which samples are written.
  ///
  /// σ₀ is 1e-4, as published; σ = 0 that is not learned is a point, of whose divergence from a prior only the part
  /// that depends on the mean is finite (``Divergence/init(pointAt:scale:blocks:)``).
  public init(
    _ family: Family = .isotropic, mean: Tensor, blocks: [ParameterBlock], sigma: Double = 1e-4
  ) throws(TorchError) {
    (self.family, self.mean, self.blocks, start) = (family, mean, blocks, sigma)
    let rho = Self.rho(sigma: sigma)
    self.rho = [Double](repeating: rho, count: family == .diagonal ? 0 : family == .layerwise ? blocks.count : 1)
    rhoVector =
      family == .diagonal
      ? try Tensor.full(mean.shape, rho, dtype: mean.dtype ?? .float32, device: mean.device) : nil
  }

  /// The σ of a ρ.
  public static func sigma(rho: Double) -> Double { rho > 30 ? rho : log1p(exp(rho)) }

  /// The ρ of a σ.
  public static func rho(sigma: Double) -> Double { sigma > 30 ? sigma : log(expm1(sigma)) }

  /// The posterior with the same mean, which is not copied, and every σ so many times as large.
  public func widened(by factor: Double) throws(TorchError) -> GaussianPosterior {
    let wide = try GaussianPosterior(family, mean: mean, blocks: blocks, sigma: start * factor)
    wide.rho = rho.map { Self.rho(sigma: Self.sigma(rho: $0) * factor) }
    if let vector = rhoVector, let widened = wide.rhoVector {
      try widened.copy_((vector.softplus(threshold: 30) * factor).expm1().log())
    }
    wide.isLearned = isLearned
    return wide
  }

  /// σ of each block, σ = ln(1 + e^ρ); in the diagonal family its root mean square.
  public func sigmas() throws(TorchError) -> [Double] {
    guard isLearned else { return blocks.map { _ in start } }
    if rhoVector != nil { return try moments().map { $0.variance.squareRoot() } }
    let sigmas = rho.map { Self.sigma(rho: $0) }
    return family == .layerwise ? sigmas : blocks.map { _ in sigmas[0] }
  }

  /// σ of each block as `ParameterVector.choosePrecision` wants it; of a point ∞, as there is no noise that rounding
  /// could lose.
  package func sigmasForPrecision() throws(TorchError) -> [Double] {
    isPoint ? blocks.map { _ in .infinity } : try sigmas()
  }

  /// The root mean square of σ over all parameters: σ itself in the isotropic family.
  public func sigma() throws(TorchError) -> Double {
    let sigmas = try sigmas()
    let counts = blocks.map { Double($0.count) }
    // Deviations from the first, so that equal ones give just that.
    let first = sigmas[0] * sigmas[0]
    let rest = zip(counts, sigmas).reduce(0) { $0 + $1.0 * ($1.1 * $1.1 - first) }
    return rest == 0 ? sigmas[0] : (first + rest / counts.reduce(0, +)).squareRoot()
  }

  /// ∂σ/∂ρ = 1 − e^(−σ), of each ρ. (9)
  public func sigmaSlopes() throws(TorchError) -> [Double] {
    try sigmas().prefix(rho.count).map { -expm1(-$0) }
  }

  /// σ of every parameter, in the diagonal family: a flat vector.
  func sigmaVector() throws(TorchError) -> Tensor? { try rhoVector?.softplus(threshold: 30) }

  /// The mean of σᵢ²pᵢ and of ln σᵢ² over each block, p being a precision matrix's diagonal (1 if nil).
  func moments(precision: Tensor? = nil) throws(TorchError) -> [(variance: Double, logVariance: Double)] {
    func part(_ vector: Tensor, _ block: ParameterBlock) throws(TorchError) -> Tensor {
      try vector.narrow(dim: 0, start: block.range.lowerBound, length: block.range.count)
    }
    func precisionOf(_ block: ParameterBlock) -> Tensor? { block.part == .backbone ? precision : nil }
    var moments: [(variance: Double, logVariance: Double)] = []
    if let sigma = try sigmaVector() {
      let (squares, logs) = (try sigma * sigma, try sigma.log())
      for block in blocks {
        let weights = try precisionOf(block).map { precision throws(TorchError) in try part(precision, block) }
        let count = Double(block.count)
        moments.append(
          (
            try part(squares, block).doubleSum(weights: weights) / count,
            2 * (try part(logs, block).doubleSum()) / count
          ))
      }
      return moments
    }
    for (block, sigma) in zip(blocks, try sigmas()) {
      // Padding has no precision.
      let factor = try precisionOf(block).map { precision throws(TorchError) in
        try part(precision, block).doubleSum() / Double(block.count)
      }
      moments.append((sigma * sigma * (factor ?? 1), log(sigma * sigma)))
    }
    return moments
  }
}

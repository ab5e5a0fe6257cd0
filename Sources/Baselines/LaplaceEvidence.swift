import Backbones
import Foundation
import Torch

/// log p(D) by a Laplace approximation at θ with a diagonal Hessian F + P, for priors N(m, I/P) of a precision per
/// block.
///
/// With A = ‖θ − m‖² of a block and its precision P:
/// - log p(D) ≈ log p(D | θ) − ½ Σ_blocks [ P A + Σᵢ ln(1 + Fᵢ/P) ] (B3)
/// - ∂/∂ ln P = −½ [ P A − Σᵢ Fᵢ/(Fᵢ + P) ] (B4)
///
/// The constants are those of the full formula, whose ½ Σ ln P of the prior and ½ Σ ln(Fᵢ + P) of the posterior are
/// joined in the logarithm here, so that nothing cancels. Padding has F = 0 and adds nothing. Sums are in float64.
/// Source: Immer et al., *Scalable Marginal Likelihood Estimation*, ICML 2021, equation (6), as the package
/// `laplace-torch` computes it.
public struct LaplaceEvidence {
  /// log p(D | θ), in nats.
  public let logLikelihood: Double
  /// The runs of the vector that have a precision each.
  public let blocks: [ParameterBlock]
  /// ‖θ − m‖² of each block.
  public let squaredDistances: [Double]
  /// F of each block, with padding.
  private let fisher: [Tensor]

  /// The evidence at a point whose Fisher diagonal and distances from the prior's mean are known.
  public init(
    _ fisher: DiagonalFisher, blocks: [ParameterBlock], squaredDistances: [Double]
  ) throws(TorchError) {
    (logLikelihood, self.blocks, self.squaredDistances) = (fisher.logLikelihood, blocks, squaredDistances)
    var parts: [Tensor] = []
    for block in blocks {
      parts.append(
        try fisher.values.narrow(dim: 0, start: block.range.lowerBound, length: block.range.count).to(dtype: .float64))
    }
    self.fisher = parts
  }

  /// (B3), in nats.
  ///
  /// Throws ``ImproperPrior`` for a precision that is not positive, and PyTorch's errors.
  public func logMarginalLikelihood(precisions: [Double]) throws -> Double {
    try check(precisions)
    var result = logLikelihood
    for (place, precision) in precisions.enumerated() {
      let determinant = try (fisher[place] * (1 / precision)).log1p().doubleSum()
      result -= 0.5 * (precision * squaredDistances[place] + determinant)
    }
    return result
  }

  /// (B4) of each block.
  ///
  /// Throws as ``logMarginalLikelihood(precisions:)`` does.
  public func slopes(precisions: [Double]) throws -> [Double] {
    try check(precisions)
    return try precisions.enumerated().map { place, precision in
      // Σ F/(F + P), the parameters that the data determine (MacKay's γ).
      let determined = try (fisher[place] / (fisher[place] + precision)).doubleSum()
      return -0.5 * (precision * squaredDistances[place] - determined)
    }
  }

  /// The standard deviation of each parameter under the Laplace posterior, 1/√(Fᵢ + P), a flat vector like `vector`'s.
  ///
  /// It is 0 where no block is. Throws as ``logMarginalLikelihood(precisions:)`` does.
  public func deviations(precisions: [Double], like vector: ParameterVector) throws -> Tensor {
    try check(precisions)
    let result = try vector.weights.zerosLike()
    for (place, block) in blocks.enumerated() {
      let deviation = try (fisher[place] + precisions[place]).sqrt().reciprocal()
      try result.narrow(dim: 0, start: block.range.lowerBound, length: block.range.count).copy_(deviation)
    }
    return result
  }

  private func check(_ precisions: [Double]) throws(ImproperPrior) {
    for (block, precision) in zip(blocks, precisions) where !(precision > 0 && precision.isFinite) {
      throw ImproperPrior(block: block.name, precision: precision)
    }
  }
}

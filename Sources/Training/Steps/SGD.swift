import Backbones
import Evidence
import Foundation
import Torch

/// SGD with Nesterov momentum on a posterior's mean and ρ, with clipped gradients.
///
/// PyTorch's update: v ← μv + g, θ ← θ − η(g + μv). The weights and ρ have one momentum. Where ρ has its own rate, the
/// gradient of each is taken times D / (the number of parameters that share it): every ρ then moves as one for all
/// parameters would, which has that factor 1.
public final class NesterovSGD {
  /// μ.
  public let momentum = 0.9
  /// The largest norm of the weights' gradient that is not scaled down; in a shared group, of both.
  public let maxNorm: Double
  /// The largest step of a ρ that has its own rate, in units of that rate.
  public let rhoMaxStep: Double
  /// The largest velocity of such a ρ: from there it turns back in some twenty steps, however large its gradients were.
  public var rhoMaxVelocity: Double { 10 * rhoMaxStep }

  /// How ρ is learned.
  public let sigmaUpdate: SigmaUpdate

  /// v of the mean, a flat vector.
  public let velocity: Tensor
  /// v of each ρ.
  public var rhoVelocity: [Double]
  /// v of a ρ per parameter, a flat vector.
  public let rhoVectorVelocity: Tensor?

  /// An optimiser at rest for a posterior.
  public init(
    for posterior: GaussianPosterior, sigmaUpdate: SigmaUpdate = .own, maxNorm: Double = 1, rhoMaxStep: Double = 1
  ) throws(TorchError) {
    (self.sigmaUpdate, self.maxNorm, self.rhoMaxStep) = (sigmaUpdate, maxNorm, rhoMaxStep)
    velocity = try posterior.mean.zerosLike()
    rhoVelocity = posterior.rho.map { _ in 0 }
    rhoVectorVelocity = try posterior.rhoVector?.zerosLike()
  }

  /// Changes the posterior by one step, and zeroes the vector's gradients for the next backward.
  ///
  /// - Returns: the joint norm of both gradients before clipping. If it is not finite nothing was changed.
  public func step(
    _ posterior: GaussianPosterior, _ gradient: ObjectiveGradient, in vector: ParameterVector, learningRate: Double,
    rhoLearningRate: Double
  ) throws(TorchError) -> Double {
    let flat = try gradient.rhoVector.map { rho throws(TorchError) in try rho.dot(rho) }
    let norm = (gradient.squaredNorm + (flat ?? gradient.rho.reduce(0) { $0 + $1 * $1 })).squareRoot()
    guard norm.isFinite else { return norm }
    let clipped = sigmaUpdate == .own ? gradient.squaredNorm.squareRoot() : norm
    // The small term is clip_grad_norm_'s.
    let scale = min(1, maxNorm / (clipped + 1e-6))
    try vector.passes.nesterov(
      mean: posterior.mean, center: gradient.center, gradients: vector.gradients,
      reduced: vector.reducedGradients, velocity: velocity, groups: gradient.groups, scale: scale, momentum: momentum,
      learningRate: learningRate)
    let factors = sigmaUpdate == .own ? shares(posterior) : posterior.rho.map { _ in scale }
    for (place, (value, factor)) in zip(gradient.rho, factors).enumerated() {
      let value = factor * value
      rhoVelocity[place] = bounded(momentum * rhoVelocity[place] + value, by: rhoMaxVelocity)
      posterior.rho[place] -= rhoLearningRate * bounded(value + momentum * rhoVelocity[place], by: rhoMaxStep)
    }
    if let rho = posterior.rhoVector, let velocity = rhoVectorVelocity, let whole = gradient.rhoVector {
      let value = try whole * (sigmaUpdate == .own ? dimension(posterior) : scale)
      try velocity.copy_(bounded(velocity * momentum + value, by: rhoMaxVelocity))
      try rho.add_(bounded(value + velocity * momentum, by: rhoMaxStep), alpha: -rhoLearningRate)
    }
    return norm
  }

  /// D, the number of trained parameters.
  private func dimension(_ posterior: GaussianPosterior) -> Double {
    Double(posterior.blocks.reduce(0) { $0 + $1.count })
  }

  /// D over the number of parameters that share each ρ.
  private func shares(_ posterior: GaussianPosterior) -> [Double] {
    guard posterior.family == .layerwise else { return [1] }
    let dimension = dimension(posterior)
    return posterior.blocks.map { dimension / Double($0.count) }
  }

  /// Within ± a limit; with the weights' rate, whose gradients are clipped in one group, as it is.
  private func bounded(_ value: Double, by limit: Double) -> Double {
    sigmaUpdate == .own ? min(limit, max(-limit, value)) : value
  }

  /// The same of each element.
  package func bounded(_ value: Tensor, by limit: Double) throws(TorchError) -> Tensor {
    sigmaUpdate == .own ? try value.hardtanh(min: -limit, max: limit) : value
  }
}

import Backbones
import Evidence
import Foundation
import Torch

/// The learning rate's path from `peak` to 0 along half a cosine, once per step (`CosineAnnealingLR`).
public struct CosineSchedule: Sendable, Equatable {
  /// The learning rate of step 0.
  public var peak: Double
  /// The number of steps after which the rate is 0.
  public var steps: Int

  /// A half cosine over so many steps.
  public init(peak: Double, steps: Int) { (self.peak, self.steps) = (peak, steps) }

  /// The rate of a step, counted from 0.
  public func callAsFunction(_ step: Int) -> Double { peak * 0.5 * (1 + cos(.pi * Double(step) / Double(steps))) }
}

/// How ρ, from which σ comes, is learned.
public enum SigmaUpdate: String, Codable, Sendable, CaseIterable {
  /// At its own rate, whatever the weights', and clipped by its own size to 0.1.
  ///
  /// The weights' gradient norm is about 20 at the start of fine-tuning. In a shared group it scales ρ's gradient down
  /// with it: σ stays near its start for a hundred steps, and for so long its pull towards the prior's mean is too
  /// strong. At the weights' rate σ runs ahead of the weights where that is large, and falls behind where it is small.
  case own
  /// At the weights' rate and in one clipping group with them.
  case published

  /// ρ's learning rate at the first step.
  ///
  /// With momentum 0.9 and a gradient clipped to 0.1, ρ moves by at most the rate per step: at 0.03 σ changes by up to
  /// 3 %. Runs of under 400 steps have a larger one, for σ must be able to grow 400-fold in each.
  public func peakRate(learningRate: Double, steps: Int) -> Double {
    switch self {
    case .own: max(0.03, 12 / Double(steps))
    case .published: learningRate
    }
  }
}

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
  /// The largest gradient of a ρ that is not scaled down where ρ has its own group.
  public let rhoMaxNorm: Double

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
    for posterior: GaussianPosterior, sigmaUpdate: SigmaUpdate = .own, maxNorm: Double = 1, rhoMaxNorm: Double = 0.1
  ) throws(TorchError) {
    (self.sigmaUpdate, self.maxNorm, self.rhoMaxNorm) = (sigmaUpdate, maxNorm, rhoMaxNorm)
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
    let scale = clip(sigmaUpdate == .own ? gradient.squaredNorm.squareRoot() : norm, to: maxNorm)
    try vector.passes.nesterov(
      mean: posterior.mean, center: gradient.center, gradients: vector.gradients,
      reduced: vector.reducedGradients, velocity: velocity, groups: gradient.groups, scale: scale, momentum: momentum,
      learningRate: learningRate)
    if let rho = posterior.rhoVector, let velocity = rhoVectorVelocity, let whole = gradient.rhoVector {
      let dimension = Double(posterior.blocks.reduce(0) { $0 + $1.count })
      let step =
        sigmaUpdate == .own ? try (whole * dimension).hardtanh(min: -rhoMaxNorm, max: rhoMaxNorm) : try whole * scale
      try velocity.mul_(momentum)
      try velocity.add_(step)
      try rho.add_(step, alpha: -rhoLearningRate)
      try rho.add_(velocity, alpha: -rhoLearningRate * momentum)
    }
    for (place, (value, share)) in zip(gradient.rho, shares(posterior)).enumerated() {
      let step = sigmaUpdate == .own ? clip(abs(value * share), to: rhoMaxNorm) * value * share : scale * value
      rhoVelocity[place] = momentum * rhoVelocity[place] + step
      posterior.rho[place] -= rhoLearningRate * (step + momentum * rhoVelocity[place])
    }
    return norm
  }

  /// D over the number of parameters that share each ρ.
  private func shares(_ posterior: GaussianPosterior) -> [Double] {
    guard posterior.family == .layerwise else { return [1] }
    let dimension = posterior.blocks.reduce(0) { $0 + $1.count }
    return posterior.blocks.map { Double(dimension) / Double($0.count) }
  }

  /// The small term is clip_grad_norm_'s.
  private func clip(_ norm: Double, to limit: Double) -> Double { min(1, limit / (norm + 1e-6)) }
}

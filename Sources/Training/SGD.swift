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
/// PyTorch's update: v ← μv + g, θ ← θ − η(g + μv). The weights and ρ have one momentum.
public final class NesterovSGD {
  /// μ.
  public let momentum = 0.9
  /// The largest norm of the weights' gradient that is not scaled down; in a shared group, of both.
  public let maxNorm = 1.0
  /// The largest gradient of ρ that is not scaled down where it has its own group.
  public let rhoMaxNorm = 0.1

  /// How ρ is learned.
  public let sigmaUpdate: SigmaUpdate

  /// v of the mean, a flat vector.
  public let velocity: Tensor
  /// v of ρ.
  public var rhoVelocity = 0.0

  /// An optimiser at rest for a vector like `vector`.
  public init(like vector: Tensor, sigmaUpdate: SigmaUpdate = .own) throws(TorchError) {
    self.sigmaUpdate = sigmaUpdate
    velocity = try Tensor.zeros(vector.shape, dtype: vector.dtype ?? .float32, device: vector.device)
  }

  /// Changes the posterior by one step, and zeroes the vector's gradients for the next backward.
  ///
  /// - Returns: the joint norm of both gradients before clipping. If it is not finite nothing was changed.
  public func step(
    _ posterior: IsotropicPosterior, _ gradient: ObjectiveGradient, in vector: ParameterVector, learningRate: Double,
    rhoLearningRate: Double
  ) throws(TorchError) -> Double {
    let norm = (gradient.squaredNorm + gradient.rho * gradient.rho).squareRoot()
    guard norm.isFinite else { return norm }
    // The small term is clip_grad_norm_'s.
    func scale(_ norm: Double, to limit: Double) -> Double { min(1, limit / (norm + 1e-6)) }
    let (scale, rhoScale) =
      switch sigmaUpdate {
      case .own: (scale(gradient.squaredNorm.squareRoot(), to: maxNorm), scale(abs(gradient.rho), to: rhoMaxNorm))
      case .published: (scale(norm, to: maxNorm), scale(norm, to: maxNorm))
      }
    try vector.passes.nesterov(
      mean: posterior.mean, center: gradient.center, gradients: vector.gradients,
      reduced: vector.reducedGradients, velocity: velocity, groups: gradient.groups, scale: scale, momentum: momentum,
      learningRate: learningRate)
    rhoVelocity = momentum * rhoVelocity + rhoScale * gradient.rho
    posterior.rho -= rhoLearningRate * (rhoScale * gradient.rho + momentum * rhoVelocity)
    return norm
  }
}

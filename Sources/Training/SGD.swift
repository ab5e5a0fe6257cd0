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

/// How the gradient of ρ, from which σ comes, is clipped.
public enum SigmaClipping: String, Codable, Sendable, CaseIterable {
  /// By its own size.
  ///
  /// The weights' gradient norm is about 20 at the start of fine-tuning. In a shared group it scales ρ's gradient down
  /// with it, σ stays near its start for a hundred steps, and for so long its pull towards the prior's mean is too strong.
  case own
  /// By its joint norm with the weights' gradient, as published.
  case shared
}

/// SGD with Nesterov momentum on a posterior's mean and ρ, with clipped gradients.
///
/// PyTorch's update: v ← μv + g, θ ← θ − η(g + μv). The weights and ρ have one learning rate and one momentum.
public final class NesterovSGD {
  /// μ.
  public let momentum = 0.9
  /// The largest gradient norm that is not scaled down.
  public let maxNorm = 1.0

  /// How ρ's gradient is clipped.
  public let sigmaClipping: SigmaClipping

  /// v of the mean; changed in place.
  public let velocity: Tensor
  /// v of ρ.
  public internal(set) var rhoVelocity = 0.0

  /// An optimiser at rest for a vector like `vector`.
  public init(like vector: Tensor, sigmaClipping: SigmaClipping = .own) throws(TorchError) {
    self.sigmaClipping = sigmaClipping
    velocity = try Tensor.zeros(vector.shape, dtype: vector.dtype ?? .float32, device: vector.device)
  }

  /// Changes the posterior by one step.
  ///
  /// `gradients` is the loss's gradient with respect to the mean, `rhoGradient` that with respect to ρ.
  ///
  /// - Returns: the joint norm of both before clipping. If it is not finite nothing was changed.
  public func step(
    _ posterior: IsotropicPosterior, gradients: Tensor, rhoGradient: Double, learningRate: Double
  ) throws(TorchError) -> Double {
    let squaredNorm = try gradients.dot(gradients)
    let norm = (squaredNorm + rhoGradient * rhoGradient).squareRoot()
    guard norm.isFinite else { return norm }
    // The small term is clip_grad_norm_'s.
    func scale(_ norm: Double) -> Double { min(1, maxNorm / (norm + 1e-6)) }
    let (scale, rhoScale) =
      switch sigmaClipping {
      case .own: (scale(squaredNorm.squareRoot()), scale(abs(rhoGradient)))
      case .shared: (scale(norm), scale(norm))
      }
    try velocity.mul_(momentum)
    try velocity.add_(gradients, alpha: scale)
    try posterior.mean.add_(gradients, alpha: -learningRate * scale)
    try posterior.mean.add_(velocity, alpha: -learningRate * momentum)
    rhoVelocity = momentum * rhoVelocity + rhoScale * rhoGradient
    posterior.rho -= learningRate * (rhoScale * rhoGradient + momentum * rhoVelocity)
    return norm
  }
}

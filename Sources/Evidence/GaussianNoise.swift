import Foundation
import Torch

/// N(y | a + b·f, b²s²): the likelihood of numbers, with a and b the mean and standard deviation of the training
/// values.
///
/// So the network predicts standardised values z = (y − a)/b, and with r = z − f
///
/// - log p(y | f) = −½ [ ln(2πs²) + r²/s² ] − ln b (L1)
///
/// is the log density of y in its own unit. All of it is computed in float64. s² is given, or learned: for any outputs,
///
/// - the s² that maximises the sum of (L1) is the mean of r² (L2)
///
/// During training the mean over all data is not known, and s² follows the batches' means by a moving average; at the
/// end (L2) holds exactly, with the expectation over the posterior.
public struct GaussianNoise: Sendable, Equatable {
  /// a, the mean of the training values.
  public let mean: Double
  /// b, their standard deviation.
  public let deviation: Double
  /// Whether s² is learned.
  public let isLearned: Bool
  /// s², the variance of the noise in units of b².
  public var variance: Double

  /// The weight of a batch in the moving average of s².
  ///
  /// The mean of B squares has a relative standard deviation of √(2/B); the average's is √(w/(2 − w)) of that: 6 % for
  /// 32 examples and w = 0.1, while it follows the fit within ten steps. Weights from 0.03 to 0.3 ended alike.
  public static let batchWeight = 0.1

  /// Learned noise is kept at or above a thousandth of the values' standard deviation, so that a perfect fit has a
  /// density.
  public static let smallestVariance = 1e-6

  /// Noise of a standard deviation in the values' own unit; nil learns it, from that of the values themselves.
  public init(mean: Double, deviation: Double, noise: Double? = nil) {
    (self.mean, self.deviation, isLearned) = (mean, deviation, noise == nil)
    variance = noise.map { ($0 / deviation) * ($0 / deviation) } ?? 1
  }

  /// The noise's standard deviation in the values' own unit, b·s.
  public var standardDeviation: Double { deviation * variance.squareRoot() }

  /// The predicted values a + b·f of outputs `[N, 1]`.
  public func values(_ outputs: Tensor) throws(TorchError) -> [Double] {
    try outputs.doubles().map { mean + deviation * $0 }
  }

  /// (L1) of each example, `[N]`, for outputs `[N, 1]` and float64 targets `[N]`.
  func logLikelihood(_ outputs: Tensor, _ targets: Tensor) throws(TorchError) -> Tensor {
    let standardised = try (targets + -mean) * (1 / deviation)
    let error = try standardised - outputs.to(dtype: .float64).reshape([targets.count])
    return try error * error * (-0.5 / variance) + -nll(squaredError: 0)
  }

  /// The mean of −(L1) where that of r² is this.
  func nll(squaredError: Double) -> Double {
    0.5 * (log(2 * .pi * variance) + squaredError / variance) + log(deviation)
  }

  /// The mean of r² where that of −(L1) is this.
  func squaredError(nll: Double) -> Double {
    let error = 2 * variance * (nll - self.nll(squaredError: 0))
    // A NaN stays one: `max` would make it a perfect fit.
    return error < 0 ? 0 : error
  }

  /// Moves s² towards a batch's mean of r², which its mean of −(L1) tells; one that is not finite tells nothing.
  mutating func learn(nll: Double) {
    guard isLearned, nll.isFinite else { return }
    let error = squaredError(nll: nll)
    variance = max(Self.smallestVariance, variance + Self.batchWeight * (error - variance))
  }
}

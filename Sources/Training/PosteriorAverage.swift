import Backbones
import Evidence
import Foundation
import Torch

/// The posterior predictive distribution, E_q[p(y | x, w)], by an average over draws of the weights.
///
/// BatchNorm uses the running statistics at the posterior's mean.
public struct PosteriorAverage {
  /// What is drawn from.
  public let posterior: GaussianPosterior
  /// The number of draws.
  public let samples: Int
  /// What they are drawn by.
  public let seed: UInt64

  /// An average of so many draws.
  public init(_ posterior: GaussianPosterior, samples: Int, seed: UInt64 = 0) {
    (self.posterior, self.samples, self.seed) = (posterior, samples, seed)
  }

  /// Calls `body` with each draw in the model's weights, and puts the mean there afterwards.
  func forEachDraw(of model: Model, _ body: () throws -> Void) throws {
    // Drawing needs no prior.
    let objective = DataEmphasizedELBO(layout: model.network.layout, examples: 1, kappa: 1, prior: nil)
    for sample in 0..<samples {
      let draws = NormalDraws(seed: Streams.predictionNoise.seed(seed), step: UInt64(sample))
      try objective.sample(posterior, .drawn(draws), into: model.vector)
      try body()
    }
    try model.vector.set(posterior.mean)
  }

  /// log E_q[p] of log probabilities that `body` computes at each draw.
  func logProbabilities(of model: Model, _ body: () throws -> [Double]) throws -> [Double] {
    var sums: [Double] = []
    try forEachDraw(of: model) {
      let values = try body()
      sums = sums.isEmpty ? values : zip(sums, values).map { logAddExp($0, $1) }
    }
    return sums.map { $0 - log(Double(samples)) }
  }

  /// The mean and variance over the draws of values that `body` computes at each.
  func moments(of model: Model, _ body: () throws -> [Double]) throws -> (means: [Double], variances: [Double]) {
    var draws: [[Double]] = []
    try forEachDraw(of: model) { draws.append(try body()) }
    let means = (draws.first ?? []).indices.map { index in draws.reduce(0) { $0 + $1[index] } / Double(samples) }
    let variances = means.enumerated().map { index, mean in
      draws.reduce(0) { $0 + ($1[index] - mean) * ($1[index] - mean) } / Double(samples)
    }
    return (means, variances)
  }
}

/// ln(eᵃ + eᵇ), without overflow.
private func logAddExp(_ a: Double, _ b: Double) -> Double {
  let (low, high) = (min(a, b), max(a, b))
  return low == -.infinity ? high : high + log1p(exp(low - high))
}

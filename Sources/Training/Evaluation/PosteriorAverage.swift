import Backbones
import Evidence
import Foundation
import Torch

/// The posterior predictive distribution, E_q[p(y | x, w)], by an average over draws of the weights.
public struct PosteriorAverage {
  /// What is drawn from.
  public let posterior: GaussianPosterior
  /// The number of draws.
  public let samples: Int
  /// From which the draws' noise comes.
  public let seed: UInt64
  /// BatchNorm's running statistics of each draw, in the layout's order; where there are none draws have the mean's.
  public let buffers: [[[Float]]]

  /// An average of so many draws, at most as many as there are statistics, if there are any.
  public init(_ posterior: GaussianPosterior, samples: Int, seed: UInt64 = 0, buffers: [[[Float]]] = []) {
    precondition(buffers.isEmpty || samples <= buffers.count, "\(samples) draws, statistics of \(buffers.count)")
    (self.posterior, self.samples, self.seed, self.buffers) = (posterior, samples, seed, buffers)
  }

  /// Calls `body` with each draw in the model, and puts the mean and its statistics there afterwards.
  func forEachDraw(of model: Model, _ body: () throws -> Void) throws {
    // Drawing needs no prior.
    let objective = DataEmphasizedELBO(layout: model.network.layout, examples: 1, kappa: 1, prior: nil)
    let ofTheMean = try model.bufferCopies()
    for sample in 0..<samples {
      try objective.sample(posterior, .drawn(NormalDraws(seed: seed, step: UInt64(sample))), into: model.vector)
      if !buffers.isEmpty {
        for (buffer, values) in zip(model.buffers, buffers[sample]) { try buffer.copyFloats(values) }
      }
      try body()
    }
    try model.vector.set(posterior.mean)
    try model.setBuffers(ofTheMean)
  }

  /// log E_q[p] of log probabilities that `body` computes at each draw.
  package func logProbabilities(of model: Model, _ body: () throws -> [Double]) throws -> [Double] {
    var sums: [Double] = []
    try forEachDraw(of: model) {
      let values = try body()
      sums = sums.isEmpty ? values : zip(sums, values).map { logAddExp($0, $1) }
    }
    return sums.map { $0 - log(Double(samples)) }
  }

  /// The mean and variance over the draws of values that `body` computes at each.
  package func moments(of model: Model, _ body: () throws -> [Double]) throws -> (means: [Double], variances: [Double])
  {
    var draws: [[Double]] = []
    try forEachDraw(of: model) { draws.append(try body()) }
    let means = (draws.first ?? []).indices.map { index in draws.reduce(0) { $0 + $1[index] } / Double(samples) }
    let variances = means.enumerated().map { index, mean in
      draws.reduce(0) { $0 + ($1[index] - mean) * ($1[index] - mean) } / Double(samples)
    }
    return (means, variances)
  }
}

/// ln(eᵃ + eᵇ), without overflow; NaN where either is, which `min` and `max` may lose.
package func logAddExp(_ a: Double, _ b: Double) -> Double {
  if a.isNaN || b.isNaN { return .nan }
  let (low, high) = (min(a, b), max(a, b))
  return low == -.infinity ? high : high + log1p(exp(low - high))
}

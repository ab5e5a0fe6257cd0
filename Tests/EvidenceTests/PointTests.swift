import Backbones
import Evidence
import Foundation
import TestSupport
import Testing
import Torch

/// A posterior without noise: its loss is MAP's, against plain formulas and full matrices in float64.
@Suite struct PointTests {
  private let layout = ParameterLayout([
    ("a.weight", [5], .backbone, .zeros), ("b.weight", [3, 7], .backbone, .zeros), ("head.weight", [11], .head, .zeros),
  ])

  private func vector(_ values: [[Double]]) throws -> Tensor {
    try Tensor(layout.vector(values), shape: [layout.paddedCount])
  }

  private func values(_ name: String, _ bound: Double) -> [[Double]] {
    layout.slices.map { Formula.uniform(name + $0.name, count: $0.count, -bound, bound) }
  }

  /// The loss, its gradient and the norm at a point, with the gradient of the mean NLL given.
  private func found(
    _ prior: Prior, mean: [[Double]], gradient: [[Double]]
  ) throws -> (result: ObjectiveGradient, weights: [Double], step: [Double]) {
    let parameters = try ParameterVector(layout: layout, dtype: .float64)
    let point = try GaussianPosterior(mean: vector(mean), blocks: parameters.blocks, sigma: 0)
    point.isLearned = false
    #expect(point.isPoint)
    let objective = DataEmphasizedELBO(layout: layout, examples: 40, kappa: 1, prior: prior)
    let noise = Noise.drawn(NormalDraws(seed: 1, step: 1))
    let divergences = try objective.sample(point, noise, into: parameters)
    let weights = try parameters.weights.doubles()
    try parameters.gradients.copy_(vector(gradient))
    let result = try objective.gradient(nll: 0.7, at: noise, of: point, divergences, in: parameters)
    // A step of rate 1 from rest, without momentum and clipping, is the gradient.
    try parameters.passes.nesterov(
      mean: point.mean, center: result.center, gradients: parameters.gradients, velocity: point.mean.zerosLike(),
      groups: result.groups, scale: 1, momentum: 0, learningRate: 1)
    let after = try point.mean.doubles()
    return (result, weights, zip(layout.vector(mean), after).map { $0 - $1 })
  }

  @Test(arguments: [(0.3, 0.02), (0, 0.5), (0.1, 0), (0, 0)]) func theLossIsMAPs(alpha: Double, beta: Double) throws {
    let (mean, center, gradient) = (values("mean", 1), values("center", 1), values("gradient", 0.1))
    let (result, weights, step) = try found(
      Prior(center: vector(center), lambda: 1 / (alpha * 40), tau: 1 / (beta * 40)), mean: mean, gradient: gradient)
    #expect(weights == layout.vector(mean))
    var (loss, norm) = (0.7, 0.0)
    var expected = layout.slices.map { [Double](repeating: 0, count: $0.count) }
    for (place, slice) in layout.slices.enumerated() {
      for i in 0..<slice.count {
        let (strength, m) = slice.group == .head ? (beta, 0) : (alpha, center[place][i])
        let distance = mean[place][i] - m
        loss += 0.5 * strength * distance * distance
        expected[place][i] = gradient[place][i] + strength * distance
        norm += expected[place][i] * expected[place][i]
      }
    }
    #expect(abs(result.terms.loss - loss) < 1e-12 && result.terms.sigma == 0 && result.rho.isEmpty)
    #expect(abs(result.squaredNorm / norm - 1) < 1e-12)
    #expect(Golden.relativeError(step, layout.vector(expected)) < 1e-12)
    #expect((result.terms.lambda == nil) == (alpha == 0) && (result.terms.tau == nil) == (beta == 0))
  }

  /// (α/2)(w − m)ᵀΣ⁻¹(w − m), with Σ as a full matrix.
  @Test func theLowRankPenaltyIsTheFullMatrixs() throws {
    let (mean, center, gradient) = (values("mean", 1), values("center", 1), values("gradient", 0.1))
    let variance = values("variance", 0.5).map { $0.map { abs($0) } }
    let columns = (0..<3).map { values("column \($0)", 0.4) }
    let support = layout.slices.map { [Double](repeating: $0.group == .backbone ? 1 : 0, count: $0.count) }
    let covariance = try LowRankCovariance(
      variance: vector(variance), deviations: columns.map(vector), support: vector(support))
    let alpha = 0.2
    let prior = Prior(
      center: try vector(center), covariance: covariance, lambda: 1 / (alpha * 40), tau: .infinity)
    let (result, _, step) = try found(prior, mean: mean, gradient: gradient)

    func flat(_ values: [[Double]]) -> [Double] { Array((values[0] + values[1])) }
    let (s, q) = (flat(variance), columns.map(flat))
    let dense = DenseGaussian(
      covariance: s.indices.map { i in
        s.indices.map { j in q.reduce(i == j ? 0.5 * s[i] + 0.1 : 0) { $0 + $1[i] * $1[j] / 4 } }
      })
    let deviation = zip(flat(mean), flat(center)).map { $0 - $1 }
    let pull = dense.inverted().precision.map { row in zip(row, deviation).reduce(0) { $0 + $1.0 * $1.1 } }
    let distance = zip(pull, deviation).reduce(0) { $0 + $1.0 * $1.1 }
    #expect(abs(result.terms.loss - (0.7 + 0.5 * alpha * distance)) < 1e-10)
    let expected = zip(flat(gradient), pull).map { $0 + alpha * $1 } + gradient[2]
    #expect(Golden.relativeError(layout.values(ofVector: step).flatMap { $0 }, expected) < 1e-9)
  }

  /// Without σ the float32 pass draws nothing and leaves the mean, in bfloat16 where it can.
  @Test func nothingIsDrawn() throws {
    let layout = try Backbone.named("resnet8").makeNetwork(classes: 3).layout
    let mean = try Tensor(
      Formula.uniform("mean", count: layout.paddedCount, -1, 1).map { Float($0) }, shape: [layout.paddedCount])
    let parameters = try ParameterVector(layout: layout, rounding: layout.bfloat16RoundingErrors(of: mean))
    let point = try GaussianPosterior(mean: mean, blocks: parameters.blocks, sigma: 0)
    point.isLearned = false
    let objective = DataEmphasizedELBO(
      layout: layout, examples: 40, kappa: 1, prior: Prior(center: nil, lambda: 2, tau: 3))
    let kl = try objective.sample(point, .drawn(NormalDraws(seed: 1, step: 1)), into: parameters).kl
    var expected = 0.0
    for (slice, isReduced) in zip(layout.slices, parameters.isReduced) {
      #expect(isReduced == (slice.group == .backbone && slice.shape.count > 1))
      let values = try mean.narrow(dim: 0, start: slice.offset, length: slice.count)
      let source = isReduced ? try #require(parameters.reducedWeights) : parameters.weights
      let read = try source.narrow(dim: 0, start: slice.offset, length: slice.count).floats()
      #expect(try read == (isReduced ? values.to(dtype: .bfloat16).floats() : values.floats()))
      expected += try values.doubles().reduce(0) { $0 + $1 * $1 } / (slice.group == .head ? 6 : 4)
    }
    #expect(abs(kl / expected - 1) < 1e-12)
  }
}

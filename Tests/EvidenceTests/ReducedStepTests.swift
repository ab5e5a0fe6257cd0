import Backbones
import Evidence
import Foundation
import Support
import TestSupport
import Testing
import Torch

/// A step that reads some tensors in bfloat16 and others in float32, so that its gradient lies in two vectors, against
/// full covariance matrices in float64.
@Suite struct ReducedStepTests {
  private static let layout = ParameterLayout([
    ("conv.weight", [4, 3, 2, 2], .backbone, .zeros), ("wide.weight", [3, 2, 2, 2], .backbone, .zeros),
    ("layer.weight", [6, 5], .backbone, .zeros), ("norm.weight", [7], .backbone, .zeros),
    ("head.weight", [3, 6], .head, .zeros), ("head.bias", [3], .head, .zeros),
  ])
  /// What is read in bfloat16 at this σ: weights of about 0.1, while those of about 1 would be at some 8e-3.
  private static let reduced: Set = ["conv.weight", "layer.weight"]
  private static let sigma = 2e-3

  /// A step of one sample and of two, under a prior with a covariance and without: without the gradient of one of the
  /// two precisions, or with it counted twice, everything is off by tens of percent.
  ///
  /// The vectors are float32, whose elements of a few units are off by some 1e-7 after each operation.
  @Test(
    arguments: [GaussianPosterior.Family.isotropic, .layerwise], [(1, false), (1, true), (2, false), (2, true)])
  func gradientsOfBothPrecisionsCount(
    family: GaussianPosterior.Family, step: (samples: Int, hasCovariance: Bool)
  ) throws {
    let (layout, sigma) = (Self.layout, Self.sigma)
    let indices = layout.slices.flatMap { Array($0.range) }
    let isHead = layout.slices.flatMap { slice in slice.range.map { _ in slice.group == .head } }
    var random = SplitMix64(seed: 12)
    func vector(_ value: (ParameterSlice) -> Double) throws -> Tensor {
      var flat = [Double](repeating: 0, count: layout.paddedCount)
      for slice in layout.slices { for index in slice.range { flat[index] = value(slice) } }
      return try Tensor(flat, shape: [flat.count]).to(dtype: .float32)
    }
    let mean = try vector { (Self.reduced.contains($0.name) ? 0.1 : 1) * random.normal() }
    let center = try vector { _ in random.normal() }

    // Σ of the oracle, the identity or ½ diag(v) + 0.1 + QQᵀ/(2K − 2) of K = 3 columns on the backbone.
    var shape = indices.indices.map { i in indices.indices.map { $0 == i ? 1.0 : 0 } }
    var covariance: LowRankCovariance?
    if step.hasCovariance {
      let variance = try vector { _ in random.uniform() }
      let deviations = try (0..<3).map { _ in try vector { _ in random.normal() } }
      covariance = try LowRankCovariance(
        variance: variance, deviations: deviations, support: vector { $0.group == .backbone ? 1 : 0 })
      let (v, q) = (try variance.doubles(), try deviations.map { try $0.doubles() })
      for i in indices.indices where !isHead[i] {
        for j in indices.indices where !isHead[j] {
          let product = q.reduce(0.0) { $0 + $1[indices[i]] * $1[indices[j]] }
          shape[i][j] = product / 4 + (i == j ? 0.5 * v[indices[i]] + 0.1 : 0)
        }
      }
    }

    // What the library finds of a loss Σ wᵢ², whose gradient 2w both types hold exactly; and plain sums of it.
    let posterior = try GaussianPosterior(family, mean: mean, blocks: layout.blocks(family.division), sigma: sigma)
    let parameters = try ParameterVector(
      layout: layout, blocks: family.division, rounding: layout.bfloat16RoundingErrors(of: mean))
    let objective = DataEmphasizedELBO(
      layout: layout, examples: 7, prior: Prior(center: center, covariance: covariance))
    var sum = try objective.zeroGradient(of: posterior, samples: step.samples)
    var divergences = Divergences.none(posterior.blocks)
    var gradient = [Double](repeating: 0, count: layout.paddedCount)
    var products = gradient
    for sample in 0..<step.samples {
      let draws = NormalDraws(seed: 3, step: UInt64(sample))
      divergences = try objective.sample(posterior, .drawn(draws), into: parameters)
      #expect(parameters.isReduced == layout.slices.map { Self.reduced.contains($0.name) })
      var loss = try Tensor.zeros([])
      for leaf in parameters.leaves { loss = try loss + (leaf * leaf).sum().to(dtype: .float32) }
      try loss.backward()
      let epsilon = try Tensor.zeros([layout.paddedCount])
      try parameters.passes.draw(draws, into: epsilon)
      let drawn = try epsilon.doubles()
      let weights = layout.vector(try parameters.leaves.map { try $0.doubles() })
      for index in indices {
        gradient[index] += 2 * weights[index] / Double(step.samples)
        products[index] += 2 * weights[index] * drawn[index] / Double(step.samples)
      }
      try objective.add(
        nll: 0.25 + Double(sample), at: .drawn(draws), of: posterior, divergences, in: parameters, to: &sum)
    }
    let found = try objective.gradient(sum, of: posterior, divergences, in: parameters)
    // The first velocity is the gradient with respect to the mean.
    let velocity = try mean.zerosLike()
    try parameters.passes.nesterov(
      mean: mean.clone(), center: center, gradients: parameters.gradients, reduced: parameters.reducedGradients,
      velocity: velocity, groups: found.groups, scale: 1, momentum: 0, learningRate: 0)
    let meanGradient = try velocity.doubles()
    #expect(try parameters.gradients.doubles().allSatisfy { $0 == 0 })
    #expect(try #require(parameters.reducedGradients).doubles().allSatisfy { $0 == 0 })

    // The oracle: λ* and τ* by the trace of full matrices, then one full prior covariance; κ = D/N, so 1/(κN) = 1/D.
    let (w, m) = (try mean.doubles(), try center.doubles())
    let deviation = indices.indices.map { w[indices[$0]] - (isHead[$0] ? 0 : m[indices[$0]]) }
    let (unscaled, _) = DenseGaussian(covariance: shape).inverted()
    var scale = [Double](repeating: 0, count: indices.count)
    for part in [false, true] {
      let members = indices.indices.filter { isHead[$0] == part }
      var total = 0.0
      for i in members {
        total += unscaled[i][i] * sigma * sigma
        for j in members { total += deviation[i] * unscaled[i][j] * deviation[j] }
      }
      for i in members { scale[i] = total / Double(members.count) }
    }
    let scaled = indices.indices.map { i in
      indices.indices.map { shape[i][$0] * (scale[i] * scale[$0]).squareRoot() }
    }
    let (precision, logDeterminant) = DenseGaussian(covariance: scaled).inverted()
    let expected = DenseDivergence(
      deviation: deviation, sigma: [Double](repeating: sigma, count: indices.count), precision: precision,
      logDeterminant: logDeterminant)
    let c = 1 / Double(indices.count)

    #expect(abs(found.terms.kl / expected.kl - 1) < 1e-5)
    let nll = step.samples == 1 ? 0.25 : 0.75
    #expect(abs(found.terms.loss / (nll + c * expected.kl) - 1) < 1e-5)
    let plain = indices.indices.map { gradient[indices[$0]] + c * expected.meanGradient[$0] }
    let squaredNorm = plain.reduce(0.0) { $0 + $1 * $1 }
    #expect(abs(found.squaredNorm / squaredNorm - 1) < 1e-5)
    for (place, index) in indices.enumerated() {
      #expect(abs(meanGradient[index] - plain[place]) < 1e-5, "element \(index)")
    }
    let slope = -expm1(-sigma)
    let rho = indices.indices.map { (products[indices[$0]] + c * expected.sigmaGradient[$0]) * slope }
    let sets = family == .isotropic ? [indices] : layout.slices.map { Array($0.range) }
    #expect(found.rho.count == sets.count)
    for (value, members) in zip(found.rho, sets) {
      let places = indices.indices.filter { members.contains(indices[$0]) }
      let total = places.reduce(0.0) { $0 + rho[$1] }
      let size = places.reduce(0.0) { $0 + abs(rho[$1]) }
      #expect(abs(value - total) < 1e-5 * size, "∂ρ: found \(value), expected \(total)")
    }
  }
}

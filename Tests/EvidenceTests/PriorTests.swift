import Backbones
import Evidence
import Foundation
import TestSupport
import Testing
import Torch

/// The closed forms of one block, against the general KL between Gaussians minimised numerically in float64.
@Suite struct DivergenceTests {
  private func moments(_ distance: Double, sigma: Double) -> Moments {
    Moments(count: 37, squaredDistance: distance, variance: sigma * sigma, logVariance: log(sigma * sigma))
  }

  /// ½ [ (A + σ²D)/λ − D + D ln λ − D ln σ² ], for any λ.
  private func generalKL(distance: Double, sigma: Double, lambda: Double) -> Double {
    0.5 * ((distance + sigma * sigma * 37) / lambda - 37 + 37 * log(lambda) - 37 * log(sigma * sigma))
  }

  @Test(arguments: [1e-4, 1e-2, 0.7], [0.3, 5, 60])
  func scaleMinimisesTheGeneralKL(sigma: Double, distance: Double) {
    let divergence = Divergence([moments(distance, sigma: sigma)])
    let best = generalKL(distance: distance, sigma: sigma, lambda: divergence.scale)
    #expect(abs(divergence.kl / best - 1) < 1e-9)
    for factor in [0.9, 0.999, 1.001, 1.1] {
      let (lambda, general) = (
        factor * divergence.scale, Divergence([moments(distance, sigma: sigma)], scale: factor * divergence.scale)
      )
      #expect(generalKL(distance: distance, sigma: sigma, lambda: lambda) > best)
      #expect(abs(general.kl / generalKL(distance: distance, sigma: sigma, lambda: lambda) - 1) < 1e-9)
    }
    // Central difference of KL at λ*(σ), relative error O(h²).
    let h = 1e-5 * sigma
    let slope =
      (Divergence([moments(distance, sigma: sigma + h)]).kl - Divergence([moments(distance, sigma: sigma - h)]).kl)
      / (2 * h)
    #expect(abs(37 / sigma * divergence.excesses[0] / slope - 1) < 1e-6)
  }

  /// At w̄ = m the KL is exactly 0 and λ* = σ²; the naive form would be the difference of numbers near 1e2.
  @Test func nothingCancelsAtThePriorsMean() {
    let divergence = Divergence([moments(0, sigma: 1e-4)])
    #expect(divergence.scale == 1e-4 * 1e-4)
    #expect(divergence.kl == 0)
    #expect(divergence.excesses == [0])
  }
}

@Suite struct ObjectiveTests {
  /// In float32 the squared distance over 25 million parameters is as good as a float64 sum.
  @Test func distancesAreAccumulatedInFloat64() throws {
    let layout = try Backbone.named("resnet50").makeNetwork(classes: 10).layout
    func constant(_ value: Float) throws -> Tensor {
      let values = layout.slices.map { [Float](repeating: value, count: $0.count) }
      return try Tensor(layout.vector(values), shape: [layout.paddedCount])
    }
    let objective = DataEmphasizedELBO.l2SP(layout: layout, pretrained: try constant(1), examples: 100)
    let posterior = try GaussianPosterior(mean: constant(1.001), blocks: layout.blocks(.parts), sigma: 1e-4)
    let divergences = try objective.sample(
      posterior, .drawn(NormalDraws(seed: 1, step: 1)), into: ParameterVector(layout: layout))
    #expect(layout.backboneCount > 23_000_000)
    // A distance whose square has 27 bits, so that no float32 holds it, and no float32 sum of it.
    let distance = Double(Float(1.001)) - 1
    #expect(abs(try #require(divergences.lambda) / (distance * distance + 1e-8) - 1) < 1e-9)
  }
}

@Suite struct LowRankCovarianceTests {
  /// Without deviations C is the identity, whatever s is: only ln det Σ tells that Σ is no covariance.
  @Test(arguments: [-1, -0.21, .nan, .infinity] as [Double]) func aVarianceThatIsNoneIsRefused(variance: Double) throws
  {
    let nothing = try Tensor.zeros([4], dtype: .float64)
    let support = try Tensor.ones([4], dtype: .float64)
    #expect(throws: TorchError.self) {
      try LowRankCovariance(
        variance: Tensor([1, variance, 1, 1], shape: [4]), deviations: [nothing, nothing], support: support)
    }
    _ = try LowRankCovariance(variance: support, deviations: [nothing, nothing], support: support)
  }
}

@Suite struct PosteriorTests {
  private let blocks = [ParameterBlock(name: "head", part: .head, range: 0..<1, count: 1)]

  @Test(arguments: [1e-6, 1e-4, 0.1, 3, 40]) func sigmaIsSoftplusOfRho(sigma: Double) throws {
    let posterior = try GaussianPosterior(mean: Tensor.zeros([1]), blocks: blocks, sigma: sigma)
    #expect(abs(try posterior.sigma() / sigma - 1) < 1e-12)
    let (rho, h) = (posterior.rho[0], 1e-4)
    posterior.rho = [rho + h]
    let above = try posterior.sigma()
    posterior.rho = [rho - h]
    let slope = (above - (try posterior.sigma())) / (2 * h)
    posterior.rho = [rho]
    #expect(abs(try posterior.sigmaSlopes()[0] / slope - 1) < 1e-6)
  }

  /// A mirrored pair of samples has the mean in its middle, whatever the family.
  @Test(arguments: GaussianPosterior.Family.allCases)
  func antitheticSamplesMirrorEachOther(family: GaussianPosterior.Family) throws {
    let layout = try Backbone.named("resnet8").makeNetwork(classes: 3).layout
    let vector = try ParameterVector(layout: layout, blocks: family.division, dtype: .float64)
    let mean = try Tensor.full([layout.paddedCount], 0.5, dtype: .float64)
    let posterior = try GaussianPosterior(family, mean: mean, blocks: vector.blocks, sigma: 0.1)
    let objective = DataEmphasizedELBO.l2SP(layout: layout, pretrained: nil, examples: 10)
    let noise = Noise.drawn(NormalDraws(seed: 1, step: 4))
    try objective.sample(posterior, noise, into: vector)
    let one = try vector.weights.doubles()
    try objective.sample(posterior, noise, antithetic: true, into: vector)
    let other = try vector.weights.doubles()
    for index in layout.slices.flatMap(\.range) {
      #expect(abs(one[index] + other[index] - 1) < 1e-12)
      #expect(abs(one[index] - 0.5) > 0)
    }
  }

  /// The gradient of M samples is the mean of theirs, by plain sums; what the prior adds to it is added once.
  @Test(arguments: [false, true], GaussianPosterior.Family.allCases)
  func gradientsOfSamplesAreAveraged(antithetic: Bool, family: GaussianPosterior.Family) throws {
    let layout = try Backbone.named("resnet8").makeNetwork(classes: 3).layout
    let vector = try ParameterVector(layout: layout, blocks: family.division, dtype: .float64)
    let indices = layout.slices.flatMap(\.range)
    let start = layout.vector(layout.slices.map { Formula.uniform($0.name, count: $0.count, -1, 1) })
    let mean = try Tensor(start, shape: [layout.paddedCount])
    let posterior = try GaussianPosterior(family, mean: mean, blocks: vector.blocks, sigma: 0.1)
    let objective = DataEmphasizedELBO.l2SP(layout: layout, pretrained: nil, examples: 10)
    var sum = try objective.zeroGradient(of: posterior, samples: 4)
    var expected = [Double](repeating: 0, count: layout.paddedCount)
    var products = expected
    var divergences = Divergences.none(vector.blocks)
    for sample in 0..<4 {
      let isMirrored = antithetic && sample % 2 == 1
      let noise = Noise.drawn(NormalDraws(seed: 1, step: UInt64(isMirrored ? sample - 1 : sample)))
      divergences = try objective.sample(posterior, noise, antithetic: isMirrored, into: vector)
      // As if the loss were Σ wᵢ⁴/4, whose gradient is wᵢ³.
      let weights = try vector.weights.doubles()
      try vector.gradients.copy_(Tensor(weights.map { $0 * $0 * $0 }, shape: [weights.count]))
      for index in indices {
        let gradient = weights[index] * weights[index] * weights[index]
        expected[index] += gradient / 4
        products[index] += gradient * (weights[index] - start[index]) / 0.1 / 4
      }
      try objective.add(
        nll: Double(sample), at: noise, antithetic: isMirrored, of: posterior, divergences, in: vector, to: &sum)
    }
    #expect(sum.nll == 1.5)
    let found = try objective.gradient(sum, of: posterior, divergences, in: vector)
    let gradients = try vector.gradients.doubles()
    for index in indices { #expect(abs(gradients[index] - expected[index]) < 1e-12) }
    if let all = try sum.products?.doubles() {
      for index in indices { #expect(abs(all[index] - products[index]) < 1e-9) }
    } else {
      for (block, dot) in zip(vector.blocks, sum.dots) {
        let members = indices.filter(block.range.contains)
        let plain = members.reduce(0) { $0 + products[$1] }
        #expect(abs(dot - plain) < 1e-9 * members.reduce(1) { $0 + abs(products[$1]) })
      }
    }

    // λ* and τ* by (5); with them the pull on the mean (7) and on σ (8), which reaches ρ by (9). κ = D/N: 1/(κN) = 1/D.
    let sigma = 0.1
    let slope = -expm1(-sigma)
    var scale = [Double](repeating: 1, count: layout.paddedCount)
    for (part, count) in [(layout.backboneRange, layout.backboneCount), (layout.headRange, layout.headCount)] {
      let squares = start[part].reduce(0.0) { $0 + $1 * $1 }
      for index in part { scale[index] = squares / Double(count) + sigma * sigma }
    }
    let klWeight = 1 / Double(layout.count)
    var squaredNorm = 0.0
    var rho = [Double](repeating: 0, count: layout.paddedCount)
    for index in indices {
      let total = expected[index] + klWeight * start[index] / scale[index]
      squaredNorm += total * total
      let bySigma = sigma / scale[index] - 1 / sigma
      rho[index] = (products[index] + klWeight * bySigma) * slope
    }
    #expect(abs(found.squaredNorm / squaredNorm - 1) < 1e-9)
    switch family {
    case .diagonal:
      #expect(found.rho.isEmpty)
      let all = try #require(found.rhoVector).doubles()
      for index in indices { #expect(abs(all[index] - rho[index]) < 1e-9) }
    case .isotropic, .layerwise:
      let sets = family == .isotropic ? [indices] : layout.slices.map { Array($0.range) }
      #expect(found.rho.count == sets.count)
      for (value, members) in zip(found.rho, sets) {
        let plain = members.reduce(0.0) { $0 + rho[$1] }
        #expect(abs(value - plain) < 1e-9 * members.reduce(1.0) { $0 + abs(rho[$1]) })
      }
    }
  }
}

import Backbones
import Evidence
import Foundation
import Testing
import Torch

/// The closed forms against the general KL between Gaussians, minimised and differentiated numerically in float64.
@Suite struct IsotropicPriorTests {
  private let dimension = 37

  /// ½ [ (A + σ²D)/λ − D + D ln λ − D ln σ² ], for any λ.
  private func generalKL(distance: Double, sigma: Double, lambda: Double) -> Double {
    let d = Double(dimension)
    return 0.5 * ((distance + sigma * sigma * d) / lambda - d + d * log(lambda) - d * log(sigma * sigma))
  }

  private func vectors(seed: UInt64) throws -> (mean: [Double], center: [Double]) {
    var draws = [Float](repeating: 0, count: 2 * dimension)
    draws.withUnsafeMutableBufferPointer { NormalDraws(seed: seed, step: 0).fill($0, from: 0) }
    let values = draws.map(Double.init)
    return (Array(values[..<dimension]), Array(values[dimension...]))
  }

  @Test(arguments: [1e-4, 1e-2, 0.7], [1, 2, 3] as [UInt64])
  func scaleMinimisesTheGeneralKL(sigma: Double, seed: UInt64) throws {
    let (mean, center) = try vectors(seed: seed)
    let distance = zip(mean, center).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    let prior = IsotropicPrior(count: dimension, isCentered: true)
    let divergence = prior.divergence(squaredDistance: distance, sigma: sigma)
    let best = generalKL(distance: distance, sigma: sigma, lambda: divergence.scale)
    #expect(abs(divergence.kl / best - 1) < 1e-9)
    for factor in [0.9, 0.999, 1.001, 1.1] {
      #expect(generalKL(distance: distance, sigma: sigma, lambda: factor * divergence.scale) > best)
    }
    // Central difference of KL at λ*(σ), relative error O(h²).
    let h = 1e-5 * sigma
    func kl(_ sigma: Double) -> Double { prior.divergence(squaredDistance: distance, sigma: sigma).kl }
    let slope = (kl(sigma + h) - kl(sigma - h)) / (2 * h)
    #expect(abs(divergence.sigmaGradient / slope - 1) < 1e-6)
  }

  /// (w̄ − m)/λ* against central differences of the KL along each coordinate.
  @Test func gradientIsThatOfTheKL() throws {
    let (mean, center) = try vectors(seed: 9)
    let prior = IsotropicPrior(count: dimension, isCentered: true)
    func divergence(_ mean: [Double]) -> Divergence {
      prior.divergence(
        squaredDistance: zip(mean, center).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }, sigma: 0.1)
    }
    let h = 1e-5
    for index in mean.indices {
      var (above, below) = (mean, mean)
      above[index] += h
      below[index] -= h
      let slope = (divergence(above).kl - divergence(below).kl) / (2 * h)
      #expect(abs((mean[index] - center[index]) / divergence(mean).scale - slope) < 1e-6)
    }
  }

  /// At w̄ = m the KL is exactly 0 and λ* = σ²; the naive form would be the difference of numbers near 1e2.
  @Test func nothingCancelsAtThePriorsMean() {
    let divergence = IsotropicPrior(count: dimension, isCentered: true).divergence(squaredDistance: 0, sigma: 1e-4)
    #expect(divergence == Divergence(scale: 1e-4 * 1e-4, kl: 0, sigmaGradient: 0))
  }
}

@Suite struct ObjectiveTests {
  /// In float32 the squared distance over 25 million parameters is as good as a float64 sum.
  @Test func distancesAreAccumulatedInFloat64() throws {
    let layout = try Backbone.named("resnet50").makeNetwork(classes: 10).layout
    let objective = DataEmphasizedELBO.l2SP(
      layout: layout, pretrained: try Tensor.full([layout.paddedCount], 1), examples: 100)
    let posterior = IsotropicPosterior(mean: try Tensor.full([layout.paddedCount], 1 + 0x1p-10), sigma: 1e-4)
    let divergences = try objective.sample(
      posterior, .drawn(NormalDraws(seed: 1, step: 1)), into: ParameterVector(layout: layout))
    #expect(layout.backboneCount > 23_000_000)
    #expect(abs(divergences.backbone.scale / (0x1p-20 + 1e-8) - 1) < 1e-9)
  }
}

@Suite struct PosteriorTests {
  @Test(arguments: [1e-6, 1e-4, 0.1, 3, 40]) func sigmaIsSoftplusOfRho(sigma: Double) throws {
    let posterior = IsotropicPosterior(mean: try Tensor.zeros([1]), sigma: sigma)
    #expect(abs(posterior.sigma / sigma - 1) < 1e-12)
    let (rho, h) = (posterior.rho, 1e-4)
    posterior.rho = rho + h
    let above = posterior.sigma
    posterior.rho = rho - h
    let slope = (above - posterior.sigma) / (2 * h)
    posterior.rho = rho
    #expect(abs(posterior.sigmaSlope / slope - 1) < 1e-6)
  }
}

import Backbones
import Evidence
import Foundation
import Testing
import Torch
import Training

@Suite struct SGDTests {
  /// A float64 vector for a small network, of which the tests use the first elements.
  private let vector: ParameterVector

  init() throws {
    vector = try ParameterVector(layout: Backbone.named("resnet8").makeNetwork(classes: 2).layout, dtype: .float64)
  }

  private func tensor(_ values: [Double]) throws -> Tensor {
    try Tensor(values + [Double](repeating: 0, count: vector.weights.count - values.count), shape: vector.weights.shape)
  }

  /// Leaves a gradient in the vector, as backward does.
  private func gradient(_ values: [Double], rho: Double) throws -> ObjectiveGradient {
    try vector.gradients.copy_(tensor(values))
    return ObjectiveGradient(
      terms: ObjectiveTerms(nll: 0, kl: 0, klWeight: 0, lambda: 1, tau: 1, sigma: 1), rho: [rho],
      squaredNorm: values.reduce(0) { $0 + $1 * $1 },
      groups: [vector.layout.backboneRange, vector.layout.headRange].map { VectorGroup(range: $0, isCentered: false) },
      center: nil)
  }

  /// Against the plain recurrences in float64: clip, v ← μv + g, θ ← θ − η(g + μv), ρ at its own rate, in its own
  /// group or in the same.
  @Test(arguments: SigmaUpdate.allCases) func followsPyTorchsNesterovWithClipping(update: SigmaUpdate) throws {
    let start = [0.5, -1, 2]
    let posterior = try GaussianPosterior(mean: try tensor(start), blocks: vector.blocks, sigma: 1e-2)
    let optimizer = try NesterovSGD(for: posterior, sigmaUpdate: update)
    var theta = start + posterior.rho
    var velocity = [Double](repeating: 0, count: 4)
    for step in 0..<5 {
      // The first steps are clipped, ρ's own group in the very first; the last are not.
      let size = step < 3 ? 4.0 : 0.1
      let values = [size, -0.5 * size, 0.25 * size, (step == 0 ? 0.5 : 0.1) * size]
      let norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let found = try optimizer.step(
        posterior, gradient(Array(values[..<3]), rho: values[3]), in: vector, learningRate: 0.1,
        rhoLearningRate: 0.02)
      #expect(abs(found - norm) < 1e-12)
      let weightsNorm = values[..<3].reduce(0) { $0 + $1 * $1 }.squareRoot()
      let norms = update == .published ? [norm, norm] : [weightsNorm, values[3]]
      for i in 0..<4 {
        let limit = update == .own && i == 3 ? 0.1 : 1
        let scale = min(1, limit / (norms[i / 3] + 1e-6))
        velocity[i] = 0.9 * velocity[i] + scale * values[i]
        theta[i] -= (i < 3 ? 0.1 : 0.02) * (scale * values[i] + 0.9 * velocity[i])
      }
    }
    for (found, expected) in zip(try posterior.mean.doubles()[..<3] + posterior.rho, theta) {
      #expect(abs(found - expected) < 1e-12)
    }
    #expect(try vector.gradients.doubles().allSatisfy { $0 == 0 })
  }

  @Test func aGradientThatIsNotFiniteChangesNothing() throws {
    let posterior = try GaussianPosterior(mean: try tensor([1, 2]), blocks: vector.blocks)
    let rho = posterior.rho
    let norm = try NesterovSGD(for: posterior).step(
      posterior, gradient([.nan, 0], rho: 0), in: vector, learningRate: 0.1,
      rhoLearningRate: 0.02)
    #expect(norm.isNaN)
    #expect(try posterior.mean.doubles()[..<2] == [1, 2])
    #expect(posterior.rho == rho)
  }

  /// In a run of any length the clipped steps of ρ can add up to a 400-fold σ.
  @Test(arguments: [20, 150, 400, 6000]) func sigmaCanGrowInRunsOfAnyLength(steps: Int) {
    let schedule = CosineSchedule(peak: SigmaUpdate.own.peakRate(learningRate: 0.1, steps: steps), steps: steps)
    let reach = (0..<steps).reduce(0) { $0 + 0.1 * schedule($1) } / (1 - 0.9)
    #expect(reach > log(400))
    #expect(SigmaUpdate.published.peakRate(learningRate: 0.1, steps: steps) == 0.1)
  }

  @Test func theCosineEndsAtZeroAfterTheLastStep() {
    let schedule = CosineSchedule(peak: 0.4, steps: 10)
    #expect(schedule(0) == 0.4)
    #expect(abs(schedule(5) - 0.2) < 1e-15)
    #expect(abs(schedule(10)) < 1e-15)
    #expect(schedule(9) > 0)
  }
}

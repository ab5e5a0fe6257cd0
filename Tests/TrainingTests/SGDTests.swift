import Evidence
import Foundation
import Testing
import Torch
import Training

@Suite struct SGDTests {
  /// Against the plain recurrences in float64: clip, v ← μv + g, θ ← θ − η(g + μv), ρ in its own group or in the same.
  @Test(arguments: SigmaClipping.allCases) func followsPyTorchsNesterovWithClipping(clipping: SigmaClipping) throws {
    let start = [0.5, -1, 2]
    let posterior = IsotropicPosterior(mean: try Tensor(start, shape: [3]), sigma: 1e-2)
    let optimizer = try NesterovSGD(like: posterior.mean, sigmaClipping: clipping)
    var theta = start + [posterior.rho]
    var velocity = [Double](repeating: 0, count: 4)
    for step in 0..<5 {
      // The first steps are clipped, ρ's own group in the very first; the last are not.
      let size = step < 3 ? 4.0 : 0.1
      let gradient = [size, -0.5 * size, 0.25 * size, (step == 0 ? 0.5 : 0.1) * size]
      let norm = gradient.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let found = try optimizer.step(
        posterior, gradients: Tensor(Array(gradient[..<3]), shape: [3]), rhoGradient: gradient[3], learningRate: 0.1)
      #expect(abs(found - norm) < 1e-12)
      let weightsNorm = gradient[..<3].reduce(0) { $0 + $1 * $1 }.squareRoot()
      let norms = clipping == .shared ? [norm, norm] : [weightsNorm, gradient[3]]
      for i in 0..<4 {
        let scale = min(1, 1 / (norms[i / 3] + 1e-6))
        velocity[i] = 0.9 * velocity[i] + scale * gradient[i]
        theta[i] -= 0.1 * (scale * gradient[i] + 0.9 * velocity[i])
      }
    }
    for (found, expected) in zip(try posterior.mean.doubles() + [posterior.rho], theta) {
      #expect(abs(found - expected) < 1e-12)
    }
  }

  @Test func aGradientThatIsNotFiniteChangesNothing() throws {
    let posterior = IsotropicPosterior(mean: try Tensor([1, 2] as [Double], shape: [2]))
    let rho = posterior.rho
    let norm = try NesterovSGD(like: posterior.mean).step(
      posterior, gradients: Tensor([.nan, 0] as [Double], shape: [2]), rhoGradient: 0, learningRate: 0.1)
    #expect(norm.isNaN)
    #expect(try posterior.mean.doubles() == [1, 2])
    #expect(posterior.rho == rho)
  }

  @Test func theCosineEndsAtZeroAfterTheLastStep() {
    let schedule = CosineSchedule(peak: 0.4, steps: 10)
    #expect(schedule(0) == 0.4)
    #expect(abs(schedule(5) - 0.2) < 1e-15)
    #expect(abs(schedule(10)) < 1e-15)
    #expect(schedule(9) > 0)
  }
}

import Backbones
import Evidence
import Foundation
import Support
import TestSupport
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

  /// ρ's recurrence on plain numbers: its step is bounded where it has its own rate, and its velocity by ten times
  /// that.
  private struct RhoOracle {
    var update: SigmaUpdate
    var rho: Double
    var velocity = 0.0
    /// How often the step and the velocity were at their bounds.
    var bounded = (steps: 0, velocities: 0)

    /// A step with a gradient that has its share, or is scaled as the weights' is.
    mutating func step(_ gradient: Double) {
      let (wholeVelocity, limit) = (0.9 * velocity + gradient, update == .own ? 1 : Double.infinity)
      velocity = min(10 * limit, max(-10 * limit, wholeVelocity))
      let whole = gradient + 0.9 * velocity
      rho -= 0.02 * min(limit, max(-limit, whole))
      bounded.steps += abs(whole) > limit ? 1 : 0
      bounded.velocities += velocity != wholeVelocity ? 1 : 0
    }
  }

  /// Against the plain recurrences in float64: clip, v ← μv + g, θ ← θ − η(g + μv), ρ at its own rate, or in the
  /// weights' group.
  @Test(arguments: SigmaUpdate.allCases) func followsPyTorchsNesterovWithClipping(update: SigmaUpdate) throws {
    let start = [0.5, -1, 2]
    let posterior = try GaussianPosterior(mean: try tensor(start), blocks: vector.blocks, sigma: 1e-2)
    let optimizer = try NesterovSGD(for: posterior, sigmaUpdate: update)
    var (theta, velocity) = (start, [0.0, 0, 0])
    var oracle = RhoOracle(update: update, rho: posterior.rho[0])
    for step in 0..<11 {
      // The first steps' weights are clipped, the last are not; ρ's gradient is huge, and small of either sign.
      let size = step < 3 ? 4.0 : 0.1
      let values = [
        size, -0.5 * size, 0.25 * size, [90, 0.3, -0.2, 0.01, -80, -80, 0.02, 0.4, 6.9, 0.05, -0.02][step],
      ]
      let norm = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let found = try optimizer.step(
        posterior, gradient(Array(values[..<3]), rho: values[3]), in: vector, learningRate: 0.1,
        rhoLearningRate: 0.02)
      #expect(abs(found - norm) < 1e-12)
      let weightsNorm = values[..<3].reduce(0) { $0 + $1 * $1 }.squareRoot()
      let scale = min(1, 1 / ((update == .published ? norm : weightsNorm) + 1e-6))
      for i in 0..<3 {
        velocity[i] = 0.9 * velocity[i] + scale * values[i]
        theta[i] -= 0.1 * (scale * values[i] + 0.9 * velocity[i])
      }
      oracle.step(update == .own ? values[3] : scale * values[3])
    }
    for (found, expected) in zip(try posterior.mean.doubles()[..<3] + posterior.rho, theta + [oracle.rho]) {
      #expect(abs(found - expected) < 1e-12)
    }
    #expect(abs(optimizer.rhoVelocity[0] - oracle.velocity) < 1e-12)
    #expect(update == .published || (oracle.bounded.velocities == 3 && oracle.bounded.steps == 9))
    #expect(try vector.gradients.doubles().allSatisfy { $0 == 0 })
  }

  /// Gradients of ρ whose mean is zero leave σ where it is, though most are small and rare ones are large, as a
  /// sample's are.
  ///
  /// Were each of them clipped to 0.1, σ would grow 60-fold.
  @Test func skewedGradientsDoNotMoveSigma() throws {
    let posterior = try GaussianPosterior(mean: try tensor([0]), blocks: vector.blocks, sigma: 1e-2)
    let optimizer = try NesterovSGD(for: posterior)
    var random = SplitMix64(seed: 1)
    var clippedSum = 0.0
    for _ in 0..<40 {
      // Of each ten the sum is zero.
      let large = random.below(10)
      for place in 0..<10 {
        let value = place == large ? 0.45 : -0.05
        clippedSum += min(0.1, value)
        _ = try optimizer.step(
          posterior, gradient([0], rho: value), in: vector, learningRate: 0, rhoLearningRate: 0.03)
      }
    }
    // The rate, times the momentum's sum 1/(1 − 0.9).
    #expect(-0.3 * clippedSum > log(60))
    #expect(abs(log(try posterior.sigmas()[0] / 1e-2)) < 0.1)
  }

  /// A ρ per tensor: each gradient times D over the tensor's size; or as it is, in the weights' group.
  @Test(arguments: SigmaUpdate.allCases) func eachTensorsRhoFollowsItsRecurrence(update: SigmaUpdate) throws {
    let layout = vector.layout
    let vector = try ParameterVector(layout: layout, blocks: .tensors, dtype: .float64)
    let counts = layout.slices.map { Double($0.count) }
    let posterior = try GaussianPosterior(
      .layerwise, mean: tensor([0.5]), blocks: vector.blocks, sigma: 1e-2)
    let optimizer = try NesterovSGD(for: posterior, sigmaUpdate: update)
    var oracles = posterior.rho.map { RhoOracle(update: update, rho: $0) }
    #expect(oracles.count == layout.slices.count)
    for step in 0..<6 {
      // After the share, from 0.004 to 2.4, of both signs: steps of some are bounded.
      let gradients = counts.indices.map { place in
        Double(place % 2 == 0 ? 1 : -1) * (0.004 + 0.12 * Double((place + step) % 21)) * counts[place]
          / Double(layout.count)
      }
      var found = try gradient([0.3], rho: 0)
      found.rho = gradients
      found.groups = vector.blocks.map { VectorGroup(range: $0.range, isCentered: false) }
      try vector.gradients.copy_(tensor([0.3]))
      let norm = try optimizer.step(posterior, found, in: vector, learningRate: 0.1, rhoLearningRate: 0.02)
      let expectedNorm = gradients.reduce(0.09) { $0 + $1 * $1 }.squareRoot()
      #expect(abs(norm - expectedNorm) < 1e-12)
      for place in counts.indices {
        let share = Double(layout.count) / counts[place]
        oracles[place].step((update == .own ? share : min(1, 1 / (expectedNorm + 1e-6))) * gradients[place])
      }
    }
    for (found, oracle) in zip(posterior.rho, oracles) { #expect(abs(found - oracle.rho) < 1e-12) }
    for (found, oracle) in zip(optimizer.rhoVelocity, oracles) { #expect(abs(found - oracle.velocity) < 1e-12) }
    #expect(oracles.contains { $0.bounded.steps > 0 } == (update == .own))
  }

  /// A ρ per parameter: each gradient times D, or in the weights' group; padding stays where it is.
  @Test(arguments: SigmaUpdate.allCases) func eachParametersRhoFollowsItsRecurrence(update: SigmaUpdate) throws {
    let layout = vector.layout
    let vector = try ParameterVector(layout: layout, blocks: .tensors, dtype: .float64)
    let posterior = try GaussianPosterior(.diagonal, mean: tensor([0.5]), blocks: vector.blocks, sigma: 1e-2)
    let optimizer = try NesterovSGD(for: posterior, sigmaUpdate: update)
    let members = Set(layout.slices.flatMap(\.range))
    let start = try #require(posterior.rhoVector).doubles()
    var oracles = start.map { RhoOracle(update: update, rho: $0) }
    for step in 0..<6 {
      // Times D from 0.004 to 2.4, of both signs: steps of some are bounded.
      let gradients = start.indices.map { place in
        guard members.contains(place) else { return 0.0 }
        return (place % 2 == 0 ? 1 : -1) * (0.004 + 0.12 * Double((place + step) % 21)) / Double(layout.count)
      }
      var found = try gradient([0.3], rho: 0)
      (found.rho, found.rhoVector) = ([], try Tensor(gradients, shape: [gradients.count]))
      found.groups = vector.blocks.map { VectorGroup(range: $0.range, isCentered: false) }
      try vector.gradients.copy_(tensor([0.3]))
      let norm = try optimizer.step(posterior, found, in: vector, learningRate: 0.1, rhoLearningRate: 0.02)
      let expectedNorm = gradients.reduce(0.09) { $0 + $1 * $1 }.squareRoot()
      #expect(abs(norm - expectedNorm) < 1e-12)
      for place in oracles.indices {
        oracles[place].step(
          (update == .own ? Double(layout.count) : min(1, 1 / (expectedNorm + 1e-6))) * gradients[place])
      }
    }
    let found = try #require(posterior.rhoVector).doubles()
    let foundVelocity = try #require(optimizer.rhoVectorVelocity).doubles()
    for (place, oracle) in oracles.enumerated() {
      #expect(abs(found[place] - oracle.rho) < 1e-12 && abs(foundVelocity[place] - oracle.velocity) < 1e-12)
      #expect((found[place] == start[place]) == !members.contains(place))
    }
    #expect(oracles.contains { $0.bounded.steps > 0 } == (update == .own))
  }

  /// Neither the posterior nor a velocity, which moves already, in any family.
  @Test(arguments: GaussianPosterior.Family.allCases, SigmaUpdate.allCases)
  func aGradientThatIsNotFiniteChangesNothing(_ family: GaussianPosterior.Family, update: SigmaUpdate) throws {
    let vector = try ParameterVector(layout: vector.layout, blocks: family.division, dtype: .float64)
    let posterior = try GaussianPosterior(family, mean: tensor([1, 2]), blocks: vector.blocks, sigma: 1e-2)
    let optimizer = try NesterovSGD(for: posterior, sigmaUpdate: update)
    func step(_ value: Double) throws -> Double {
      var found = try gradient([value, 0], rho: 0)
      found.groups = vector.blocks.map { VectorGroup(range: $0.range, isCentered: false) }
      found.rho = posterior.rho.map { _ in 1e-3 }
      found.rhoVector = try posterior.rhoVector.map { try Tensor.full($0.shape, 1e-6, dtype: .float64) }
      try vector.gradients.copy_(tensor([value, 0]))
      return try optimizer.step(posterior, found, in: vector, learningRate: 0.1, rhoLearningRate: 0.02)
    }
    func state() throws -> [[Double]] {
      [
        try posterior.mean.doubles(), posterior.rho, try posterior.rhoVector?.doubles() ?? [],
        try optimizer.velocity.doubles(), optimizer.rhoVelocity, try optimizer.rhoVectorVelocity?.doubles() ?? [],
      ]
    }
    let start = try state()
    #expect(try step(0.5).isFinite)
    let before = try state()
    for (one, other) in zip(before, start) { #expect(one.isEmpty || one != other) }
    #expect(try step(.nan).isNaN)
    #expect(try state() == before)
  }

  /// In a run of any length the bounded steps of ρ can add up to a 400-fold σ.
  @Test(arguments: [20, 150, 400, 6000]) func sigmaCanGrowInRunsOfAnyLength(steps: Int) {
    let schedule = CosineSchedule(peak: SigmaUpdate.own.peakRate(learningRate: 0.1, steps: steps), steps: steps)
    let reach = (0..<steps).reduce(0) { $0 + schedule($1) }
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

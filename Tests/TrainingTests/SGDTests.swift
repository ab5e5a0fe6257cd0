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

  /// A ρ per tensor: each gradient times D over the tensor's size, clipped to 0.1; or as it is, in the weights' group.
  @Test(arguments: SigmaUpdate.allCases) func eachTensorsRhoFollowsItsRecurrence(update: SigmaUpdate) throws {
    let layout = vector.layout
    let vector = try ParameterVector(layout: layout, blocks: .tensors, dtype: .float64)
    let counts = layout.slices.map { Double($0.count) }
    let posterior = try GaussianPosterior(
      .layerwise, mean: tensor([0.5]), blocks: vector.blocks, sigma: 1e-2)
    let optimizer = try NesterovSGD(for: posterior, sigmaUpdate: update)
    var (rho, velocity) = (posterior.rho, counts.map { _ in 0.0 })
    #expect(rho.count == layout.slices.count)
    for step in 0..<6 {
      // After the share, from 0.004 to 0.25: some are clipped, of both signs.
      let gradients = counts.indices.map { place in
        Double(place % 2 == 0 ? 1 : -1) * (0.004 + 0.012 * Double((place + step) % 21)) * counts[place]
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
        let share = gradients[place] * Double(layout.count) / counts[place]
        let whole = min(1, 0.1 / (abs(share) + 1e-6)) * share
        let taken = update == .own ? whole : min(1, 1 / (expectedNorm + 1e-6)) * gradients[place]
        velocity[place] = 0.9 * velocity[place] + taken
        rho[place] -= 0.02 * (taken + 0.9 * velocity[place])
      }
    }
    for (found, expected) in zip(posterior.rho, rho) { #expect(abs(found - expected) < 1e-12) }
    for (found, expected) in zip(optimizer.rhoVelocity, velocity) { #expect(abs(found - expected) < 1e-12) }
  }

  /// A ρ per parameter: each gradient times D, clipped to 0.1; padding stays where it is.
  @Test(arguments: SigmaUpdate.allCases) func eachParametersRhoFollowsItsRecurrence(update: SigmaUpdate) throws {
    let layout = vector.layout
    let vector = try ParameterVector(layout: layout, blocks: .tensors, dtype: .float64)
    let posterior = try GaussianPosterior(.diagonal, mean: tensor([0.5]), blocks: vector.blocks, sigma: 1e-2)
    let optimizer = try NesterovSGD(for: posterior, sigmaUpdate: update)
    let members = Set(layout.slices.flatMap(\.range))
    var rho = try #require(posterior.rhoVector).doubles()
    let start = rho
    var velocity = rho.map { _ in 0.0 }
    for step in 0..<6 {
      // Times D from 0.004 to 0.25: some are clipped, of both signs.
      let gradients = rho.indices.map { place in
        guard members.contains(place) else { return 0.0 }
        return (place % 2 == 0 ? 1 : -1) * (0.004 + 0.012 * Double((place + step) % 21)) / Double(layout.count)
      }
      var found = try gradient([0.3], rho: 0)
      (found.rho, found.rhoVector) = ([], try Tensor(gradients, shape: [gradients.count]))
      found.groups = vector.blocks.map { VectorGroup(range: $0.range, isCentered: false) }
      try vector.gradients.copy_(tensor([0.3]))
      let norm = try optimizer.step(posterior, found, in: vector, learningRate: 0.1, rhoLearningRate: 0.02)
      let expectedNorm = gradients.reduce(0.09) { $0 + $1 * $1 }.squareRoot()
      #expect(abs(norm - expectedNorm) < 1e-12)
      for place in rho.indices {
        let whole = gradients[place] * Double(layout.count)
        let taken =
          update == .own ? max(-0.1, min(0.1, whole)) : min(1, 1 / (expectedNorm + 1e-6)) * gradients[place]
        velocity[place] = 0.9 * velocity[place] + taken
        rho[place] -= 0.02 * (taken + 0.9 * velocity[place])
      }
    }
    let found = try #require(posterior.rhoVector).doubles()
    let foundVelocity = try #require(optimizer.rhoVectorVelocity).doubles()
    for place in rho.indices {
      #expect(abs(found[place] - rho[place]) < 1e-12 && abs(foundVelocity[place] - velocity[place]) < 1e-12)
      #expect((found[place] == start[place]) == !members.contains(place))
    }
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

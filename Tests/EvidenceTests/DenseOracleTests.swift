import Backbones
import Evidence
import Foundation
import Support
import Testing
import TestSupport
import Torch

/// Every prior, posterior and set of scales against full covariance matrices in float64.
@Suite struct DenseOracleTests {
  /// A random case: up to 200 parameters, any prior, posterior and scales, learned or given.
  private struct Case {
    let layout: ParameterLayout
    let posterior: GaussianPosterior
    let objective: DataEmphasizedELBO
    let rho: [Double]
    /// In the vector's order, without padding.
    let indices: [Int]
    let (epsilon, gradient): (Tensor, Tensor)
    /// Of the oracle: 1/(κN), Σ of the backbone, and which elements share a scale.
    let klWeight: Double
    let shape: [[Double]]
    let sets: [[Int]]
    let isHead: [Bool]
  }

  private static func makeCase(_ seed: UInt64) throws -> Case {
    var random = SplitMix64(seed: seed)
    let (outputs, inputs) = (random.integer(1...4), random.integer(1...4))
    let side = random.integer(1...2)
    // One in six has a head only, as linear probing does.
    let trainsHead = random.integer(0...5) == 0
    let backboneParts: [(String, [Int], ParameterGroup, Initialization)] = [
      ("conv.weight", [outputs, inputs, side, side], .backbone, .zeros), ("norm.weight", [outputs], .backbone, .ones),
      ("layer.weight", [random.integer(1...40)], .backbone, .zeros),
    ]
    let layout = ParameterLayout(
      (trainsHead ? [] : backboneParts) + [
        ("head.weight", [random.integer(2...6), random.integer(1...12)], .head, .zeros),
        ("head.bias", [random.integer(2...6)], .head, .zeros),
      ])
    let indices = layout.slices.flatMap { Array($0.range) }
    let isHead = layout.slices.flatMap { slice in slice.range.map { _ in slice.group == .head } }
    func vector(_ values: () -> Double) throws -> Tensor {
      var flat = [Double](repeating: 0, count: layout.paddedCount)
      for index in indices { flat[index] = values() }
      return try Tensor(flat, shape: [flat.count])
    }
    let family = GaussianPosterior.Family.allCases[random.integer(0...2)]
    var scales = Prior.Scales.allCases[random.integer(0...2)]
    var prior = Prior()
    if random.integer(0...1) == 1 { prior.center = try vector { random.normal() } }
    var shape: [[Double]] = indices.indices.map { i in indices.indices.map { i == $0 ? 1 : 0 } }
    let backbone = indices.indices.filter { !isHead[$0] }
    if random.integer(0...1) == 1, !trainsHead {
      scales = .global
      let columns = random.integer(2...5)
      let variance = try vector { random.uniform() }
      let deviations = try (0..<columns).map { _ in try vector { 2 * random.normal() } }
      var support = [Double](repeating: 0, count: layout.paddedCount)
      for place in backbone { support[indices[place]] = 1 }
      prior.covariance = try LowRankCovariance(
        variance: variance, deviations: deviations, support: Tensor(support, shape: [support.count]))
      let (s, q) = (try variance.doubles(), try deviations.map { try $0.doubles() })
      for i in backbone {
        for j in backbone {
          let product = q.reduce(0) { $0 + $1[indices[i]] * $1[indices[j]] } / Double(2 * columns - 2)
          shape[i][j] = product + (i == j ? 0.5 * s[indices[i]] + 0.1 : 0)
        }
      }
    }
    prior.scales = scales
    if random.integer(0...3) == 0 { prior.lambda = exp(random.normal()) }
    if scales != .tied, random.integer(0...3) == 0 { prior.tau = exp(random.normal()) }
    let bySlice = layout.slices.map { slice in indices.indices.filter { slice.range.contains(indices[$0]) } }
    let sets =
      switch scales {
      case .tied: [Array(indices.indices)]
      case .layerwise: bySlice
      case .global: [backbone, indices.indices.filter { isHead[$0] }].filter { !$0.isEmpty }
      }

    let division: ParameterLayout.Division =
      family.division == .tensors || scales.division == .tensors ? .tensors : .parts
    let posterior = try GaussianPosterior(
      family, mean: vector { random.normal() }, blocks: layout.blocks(division), sigma: exp(random.normal() - 2))
    if family == .layerwise { posterior.rho = posterior.rho.map { $0 + random.normal() } }
    if let rho = posterior.rhoVector { try rho.add_(vector { random.normal() }) }
    var rho = try posterior.rhoVector?.doubles() ?? []
    if family == .isotropic { rho = [Double](repeating: posterior.rho[0], count: layout.paddedCount) }
    if family == .layerwise {
      rho = [Double](repeating: 0, count: layout.paddedCount)
      for (block, value) in zip(posterior.blocks, posterior.rho) { for index in block.range { rho[index] = value } }
    }
    // κ = D/N, whose 1/(κN) is 1/D, or κ = 1.
    let isEmphasized = random.integer(0...1) == 0
    return Case(
      layout: layout, posterior: posterior,
      objective: DataEmphasizedELBO(layout: layout, examples: 7, kappa: isEmphasized ? nil : 1, prior: prior),
      rho: rho, indices: indices, epsilon: try vector { random.normal() }, gradient: try vector { random.normal() },
      klWeight: 1 / Double(isEmphasized ? indices.count : 7), shape: shape, sets: sets, isHead: isHead)
  }

  private static func check(_ seed: UInt64) throws {
    let test = try makeCase(seed)
    let (posterior, objective, indices) = (test.posterior, test.objective, test.indices)
    let prior = try #require(objective.prior)
    let sigma = indices.map { log1p(exp(test.rho[$0])) }
    let mean = try posterior.mean.doubles()
    let center = try prior.center?.doubles()
    let deviation = indices.indices.map { place in
      mean[indices[place]] - (test.isHead[place] ? 0 : center?[indices[place]] ?? 0)
    }
    // The oracle: scales by the trace of full matrices, set by set, then one full prior covariance.
    let (unscaled, _) = DenseGaussian(covariance: test.shape).inverted()
    var scale = [Double](repeating: 0, count: indices.count)
    for set in test.sets {
      var sum = 0.0
      for i in set {
        sum += unscaled[i][i] * sigma[i] * sigma[i]
        for j in set { sum += deviation[i] * unscaled[i][j] * deviation[j] }
      }
      let given = prior.scales != .tied && test.isHead[set[0]] ? prior.tau : prior.lambda
      for i in set { scale[i] = given ?? sum / Double(set.count) }
    }
    let covariance = test.shape.indices.map { i in
      test.shape.indices.map { test.shape[i][$0] * (scale[i] * scale[$0]).squareRoot() }
    }
    let (precision, logDeterminant) = DenseGaussian(covariance: covariance).inverted()
    let expected = DenseDivergence(
      deviation: deviation, sigma: sigma, precision: precision, logDeterminant: logDeterminant)

    let vector = try ParameterVector(
      layout: test.layout, blocks: posterior.blocks.count == test.layout.slices.count ? .tensors : .parts,
      dtype: .float64)
    let divergences = try objective.sample(posterior, .given(test.epsilon), into: vector)
    try vector.gradients.copy_(test.gradient)
    let found = try objective.gradient(
      nll: 0.25, at: .given(test.epsilon), of: posterior, divergences, in: vector)
    let (g, epsilon, weights) = (
      try test.gradient.doubles(), try test.epsilon.doubles(), try vector.weights.doubles()
    )
    let velocity = try posterior.mean.zerosLike()
    try vector.passes.nesterov(
      mean: posterior.mean.clone(), center: prior.center, gradients: vector.gradients, velocity: velocity,
      groups: found.groups, scale: 1, momentum: 0, learningRate: 0)
    let meanGradient = try velocity.doubles()

    func close(_ found: Double, _ expected: Double, _ what: String, scale: Double = 0) {
      #expect(
        abs(found - expected) <= 1e-9 * max(abs(expected), scale),
        "\(what), seed \(seed): found \(found), expected \(expected)")
    }
    close(divergences.kl, expected.kl, "KL", scale: Double(indices.count))
    let c = test.klWeight
    close(found.terms.loss, 0.25 + c * expected.kl, "loss", scale: 1)
    let norms = indices.indices.map { g[indices[$0]] + c * expected.meanGradient[$0] }
    close(found.squaredNorm, norms.reduce(0) { $0 + $1 * $1 }, "squared norm")
    for (place, index) in indices.enumerated() {
      close(weights[index], mean[index] + sigma[place] * epsilon[index], "weight", scale: 1)
      close(meanGradient[index], norms[place], "∂w̄", scale: 1)
    }
    let blocks = posterior.blocks
    for (block, scaleFound) in zip(blocks, divergences.scales) {
      let place = try #require(indices.firstIndex(where: block.range.contains))
      close(scaleFound, scale[place], block.part == .head ? "τ" : "λ")
    }
    // By the chain rule, each σᵢ on its own.
    let rhoGradient = indices.indices.map { place in
      (g[indices[place]] * epsilon[indices[place]] + c * expected.sigmaGradient[place]) * -expm1(-sigma[place])
    }
    let size = rhoGradient.reduce(0) { $0 + abs($1) }
    switch posterior.family {
    case .isotropic: close(found.rho[0], rhoGradient.reduce(0, +), "∂ρ", scale: size)
    case .layerwise:
      for (block, value) in zip(blocks, found.rho) {
        let members = indices.indices.filter { block.range.contains(indices[$0]) }
        close(value, members.reduce(0) { $0 + rhoGradient[$1] }, "∂ρ of \(block.name)", scale: size)
      }
    case .diagonal:
      let all = try #require(found.rhoVector).doubles()
      for (place, index) in indices.enumerated() { close(all[index], rhoGradient[place], "∂ρ", scale: 1) }
    }
    // Nothing leaks into the padding.
    let padding = Set(mean.indices).subtracting(indices)
    #expect(padding.allSatisfy { meanGradient[$0] == 0 })
  }

  @Test(arguments: 0..<10) func everyCombinationAgreesWithFullMatrices(hundred: Int) throws {
    for seed in 0..<100 { try Self.check(UInt64(hundred * 100 + seed)) }
  }

  /// A thousand cases are a thousand streams: none is another's, some draws later.
  @Test func theCasesShareNoNumbers() {
    var found = Set<Double>()
    for seed in UInt64(0)..<100 {
      var random = SplitMix64(seed: seed)
      for _ in 0..<100 { found.insert(random.uniform()) }
    }
    #expect(found.count == 10_000)
  }

  /// KL, λ* and Σ⁻¹(w̄ − m) of a low-rank prior over 25 million float32 parameters, against float64 sums.
  @Test func lowRankSumsHoldAtScale() throws {
    let count = 25_000_000
    let layout = ParameterLayout([
      ("backbone.weight", [count], .backbone, .zeros), ("head.weight", [16], .head, .zeros),
    ])
    func draw(_ step: UInt64) throws -> Tensor {
      var values = [Float](repeating: 0, count: layout.paddedCount)
      values.withUnsafeMutableBufferPointer { NormalDraws(seed: 3, step: step).fill($0, from: 0) }
      for index in count..<layout.headRange.lowerBound { values[index] = 0 }
      return try Tensor(values, shape: [values.count])
    }
    let columns = 3
    let mean = try draw(0)
    let variance = try draw(1)
    try variance.copy_(variance * variance)
    let deviations = try (0..<columns).map { try draw(2 + UInt64($0)) * 0.01 }
    var support = [Float](repeating: 0, count: layout.paddedCount)
    for index in 0..<count { support[index] = 1 }
    let covariance = try LowRankCovariance(
      variance: variance, deviations: deviations, support: Tensor(support, shape: [support.count]))
    let posterior = try GaussianPosterior(mean: mean, blocks: layout.blocks(.parts), sigma: 1e-2)
    let objective = DataEmphasizedELBO(layout: layout, examples: 100, prior: Prior(covariance: covariance))
    let found = try objective.sample(
      posterior, .drawn(NormalDraws(seed: 1, step: 1)), into: ParameterVector(layout: layout))

    // Woodbury with plain float64 loops.
    let (w, s, q) = (try mean.floats(), try variance.floats(), try deviations.map { try $0.floats() })
    var gram = [[Double]](repeating: [Double](repeating: 0, count: columns), count: columns)
    var along = [Double](repeating: 0, count: columns)
    var (plain, logs, trace) = (0.0, 0.0, 0.0)
    let factor = 1 / Double(2 * columns - 2)
    for i in 0..<count {
      let diagonal = 0.5 * Double(s[i]) + 0.1
      (plain, logs, trace) = (
        plain + Double(w[i]) * Double(w[i]) / diagonal, logs + log(diagonal), trace + 1 / diagonal
      )
      for a in 0..<columns {
        along[a] += Double(q[a][i]) * Double(w[i]) / diagonal
        for b in 0..<columns { gram[a][b] += factor * Double(q[a][i]) * Double(q[b][i]) / diagonal }
      }
    }
    var capacitance = gram
    for a in 0..<columns { capacitance[a][a] += 1 }
    let (inverse, logDeterminant) = DenseGaussian(covariance: capacitance).inverted()
    for a in 0..<columns {
      for b in 0..<columns { plain -= factor * along[a] * inverse[a][b] * along[b] }
    }
    // tr Σ⁻¹ = Σ 1/s − tr(C⁻¹ Uᵀ s⁻² U), and Uᵀ s⁻² U needs its own sums.
    var squares = [[Double]](repeating: [Double](repeating: 0, count: columns), count: columns)
    for i in 0..<count {
      let diagonal = 0.5 * Double(s[i]) + 0.1
      for a in 0..<columns {
        for b in 0..<columns { squares[a][b] += factor * Double(q[a][i]) * Double(q[b][i]) / (diagonal * diagonal) }
      }
    }
    for a in 0..<columns { for b in 0..<columns { trace -= inverse[a][b] * squares[b][a] } }
    let sigma2 = 1e-4
    let lambda = (plain + sigma2 * trace) / Double(count)
    let head = w[layout.headRange.lowerBound..<(layout.headRange.lowerBound + 16)]
    let headDistance = head.reduce(0.0) { $0 + Double($1) * Double($1) }
    let headKL = 8 * log1p(headDistance / (16 * sigma2))
    let kl = 0.5 * (Double(count) * (log(lambda) - log(sigma2)) + logs + logDeterminant) + headKL
    #expect(abs(try #require(found.lambda) / lambda - 1) < 1e-5)
    #expect(abs(found.kl / kl - 1) < 1e-5)
    #expect(abs(covariance.logDeterminant / (logs + logDeterminant) - 1) < 1e-5)
  }
}

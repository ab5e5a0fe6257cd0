import Backbones
import Evidence
import Foundation
import TestSupport
import Testing
import Torch

/// The traps of the closed forms, one test each; Traps.md lists them all.
@Suite struct TrapTests {
  /// A backbone of so many parameters, and a head of 16.
  private func layout(_ count: Int) -> ParameterLayout {
    ParameterLayout([("backbone.weight", [count], .backbone, .zeros), ("head.weight", [16], .head, .zeros)])
  }

  /// 1 on the backbone and 0 elsewhere, times a number.
  private func backbone(_ layout: ParameterLayout, _ value: (Int) -> Double, _ dtype: DType = .float32) throws -> Tensor
  {
    var values = [Double](repeating: 0, count: layout.paddedCount)
    for index in 0..<layout.backboneCount { values[index] = value(index) }
    return try Tensor(values, shape: [values.count]).to(dtype: dtype)
  }

  /// log(det(·)): the determinant of a million variances is 0 or infinite in any type.
  @Test(arguments: [0.0, 1, 3e4]) func logDeterminantDoesNotOverflow(variance: Double) throws {
    let layout = layout(1_000_000)
    let plain = pow(0.5 * variance + 0.1, 1e6)
    #expect(plain == 0 || plain == .infinity)
    // Two columns along the first two axes: each adds its square over 2K − 2 = 2 to one variance.
    let columns = try [0, 1].map { axis in try backbone(layout) { $0 == axis ? 4 : 0 } }
    let covariance = try LowRankCovariance(
      variance: backbone(layout) { _ in variance }, deviations: columns, support: backbone(layout) { _ in 1 })
    let expected = 999_998 * log(0.5 * variance + 0.1) + 2 * log(0.5 * variance + 0.1 + 8)
    #expect(abs(covariance.logDeterminant / expected - 1) < 1e-6)
    let posterior = try GaussianPosterior(mean: backbone(layout) { _ in 1 }, blocks: layout.blocks(.parts))
    let kl = try DataEmphasizedELBO(layout: layout, examples: 10, prior: Prior(covariance: covariance))
      .sample(posterior, .drawn(NormalDraws(seed: 1, step: 1)), into: ParameterVector(layout: layout)).kl
    #expect(kl.isFinite && kl > 0)
  }

  /// The diagonal KL has Σ ln σᵢ²; with ln Σ σᵢ² in its place it would be another number.
  @Test func sumOfLogsNotLogOfSum() throws {
    let layout = layout(48)
    let sigmas = Formula.uniform("sigmas", count: 48, -6, 0).map { exp($0) }
    let posterior = try GaussianPosterior(
      .diagonal, mean: Tensor.zeros([layout.paddedCount], dtype: .float64), blocks: layout.blocks(.tensors),
      sigma: 0.3)
    let rho = sigmas.map { GaussianPosterior.rho(sigma: $0) }
    let head = [Double](repeating: GaussianPosterior.rho(sigma: 0.3), count: 16)
    try #require(posterior.rhoVector).copy_(Tensor(rho + head, shape: [64]))
    let (lambda, tau) = (0.7, 0.9)
    let kl = try DataEmphasizedELBO(layout: layout, examples: 10, prior: Prior(lambda: lambda, tau: tau))
      .sample(posterior, .drawn(NormalDraws(seed: 1, step: 1)), into: ParameterVector(layout: layout, dtype: .float64))
      .kl
    func sum(_ values: [Double], _ scale: Double) -> Double {
      values.reduce(0) { $0 + 0.5 * ($1 * $1 / scale - 1 + log(scale) - log($1 * $1)) }
    }
    let expected = sum(sigmas, lambda) + sum([Double](repeating: 0.3, count: 16), tau)
    #expect(abs(kl / expected - 1) < 1e-12)
    let logOfSum = log(sigmas.reduce(0) { $0 + $1 * $1 })
    let wrong = expected + 0.5 * (sigmas.reduce(0) { $0 + log($1 * $1) } - 48 * logOfSum)
    #expect(abs(kl / wrong - 1) > 0.1)
  }

  /// Noise belongs to the vector, not to layers: what counts in D is sampled, biases and BatchNorm's numbers, too.
  @Test(arguments: ["resnet8", "tf_mobilenet_v2", "densenet121"], GaussianPosterior.Family.allCases)
  func everyTrainableParameterIsSampled(model: String, family: GaussianPosterior.Family) throws {
    let layout = try Backbone.named(model).makeNetwork(classes: 3).layout
    let vector = try ParameterVector(layout: layout, blocks: family.division)
    let mean = try Tensor.full([layout.paddedCount], 0.25)
    let posterior = try GaussianPosterior(family, mean: mean, blocks: vector.blocks, sigma: 0.1)
    try DataEmphasizedELBO.l2SP(layout: layout, pretrained: nil, examples: 9)
      .sample(posterior, .drawn(NormalDraws(seed: 2, step: 3)), into: vector)
    var sampled = 0
    for (slice, values) in zip(layout.slices, layout.values(ofVector: try vector.weights.doubles())) {
      let deviations = values.map { ($0 - 0.25) / 0.1 }
      sampled += deviations.count { $0 != 0 }
      let power = deviations.reduce(0) { $0 + $1 * $1 } / Double(deviations.count)
      // Of n squares of normals, the mean has a standard deviation of √(2/n).
      #expect(abs(power - 1) < 6 * (2 / Double(slice.count)).squareRoot(), "\(slice.name)")
    }
    #expect(sampled == layout.count)
    #expect(vector.blocks.reduce(0) { $0 + $1.count } == layout.count)
  }

  /// At σ₀ = 1e-4 and w̄ = m the pull's curvature 1/(κNλ*) is 1/(Dσ₀²): what a small network's first steps feel.
  @Test(arguments: [(2_300_000, 43.5), (250_000, 400), (75_000, 1333)])
  func earlyStiffnessScalesWithD(count: Int, curvature: Double) throws {
    let layout = layout(count - 16)
    let mean = try backbone(layout) { _ in 1 }
    let vector = try ParameterVector(layout: layout)
    let posterior = try GaussianPosterior(mean: mean, blocks: vector.blocks)
    let objective = DataEmphasizedELBO.l2SP(layout: layout, pretrained: mean, examples: 100)
    let noise = Noise.drawn(NormalDraws(seed: 1, step: 1))
    let divergences = try objective.sample(posterior, noise, into: vector)
    let pulls = try objective.gradient(nll: 1, at: noise, of: posterior, divergences, in: vector).groups.map(\.pull)
    for pull in pulls {
      #expect(abs(pull * Double(count) * 1e-8 - 1) < 1e-9)
      #expect(abs(pull / curvature - 1) < 0.01)
    }
  }

  /// (w̄ − m)ᵀΣ⁻¹(w̄ − m) along the columns of a covariance that is far wider there: Woodbury subtracts nearly all of
  /// it.
  @Test(arguments: [1.0, 1e2, 1e4], [DType.float64, .float32])
  func theCovariancesQuadraticFormDoesNotCancel(width: Double, dtype: DType) throws {
    let layout = layout(4000)
    let direction = Formula.uniform("direction", count: 4000, -1, 1)
    let scale = (width / direction.reduce(0) { $0 + $1 * $1 }).squareRoot()
    // Σ = I + uuᵀ/2·2 with ‖u‖² = width: two equal columns, 2K − 2 = 2.
    let column = try backbone(layout, { direction[$0] * scale }, dtype)
    let covariance = try LowRankCovariance(
      variance: backbone(layout, { _ in 1.8 }, dtype), deviations: [column, column],
      support: backbone(layout, { _ in 1 }, dtype))
    let posterior = try GaussianPosterior(mean: column, blocks: layout.blocks(.parts), sigma: 1e-6)
    let vector = try ParameterVector(layout: layout, dtype: dtype)
    let divergences = try DataEmphasizedELBO(layout: layout, examples: 10, prior: Prior(covariance: covariance))
      .sample(posterior, .drawn(NormalDraws(seed: 1, step: 1)), into: vector)
    // uᵀ(I + uuᵀ)⁻¹u = ‖u‖²/(1 + ‖u‖²), and Σ⁻¹u = u/(1 + ‖u‖²).
    let expected = width / (1 + width) / 4000
    let lambda = try #require(divergences.lambda)
    let tolerance = dtype == .float64 ? 1e-9 : 1e-5
    #expect(abs(lambda / (expected + 1e-12) - 1) < tolerance, "\(lambda) and \(expected)")
    let pull = try #require(divergences.pull).doubles()
    let exact = try column.doubles().map { $0 / (1 + width) }
    #expect(Golden.relativeError(pull, exact) < tolerance * max(1, width / 100))
  }

  /// Padding between tensors is no parameter: with a σ of 0 there, as read from a file, nothing changes or is infinite.
  @Test func paddingCountsNowhere() throws {
    let layout = ParameterLayout([
      ("a.weight", [5], .backbone, .zeros), ("b.weight", [3, 7], .backbone, .zeros),
      ("head.weight", [11], .head, .zeros),
    ])
    let parameters = layout.slices.flatMap { Array($0.range) }
    let padding = Set(0..<layout.paddedCount).subtracting(parameters)
    #expect(layout.count == 37 && padding.count == 27)
    /// A formula's values where parameters are, and `filler` where padding is.
    func values(_ name: String, _ low: Double, _ high: Double, padding filler: Double = 0) -> [Double] {
      var values = Formula.uniform(name, count: layout.paddedCount, low, high)
      for index in padding { values[index] = filler }
      return values
    }
    func vector(_ values: [Double]) throws -> Tensor { try Tensor(values, shape: [values.count]) }
    let sigma = values("sigma", 0.05, 0.5)
    let (mean, center) = (values("mean", -1, 1), values("center", -1, 1))
    let parameterVector = try ParameterVector(layout: layout, blocks: .tensors, dtype: .float64)
    let posterior = try GaussianPosterior(.diagonal, mean: vector(mean), blocks: parameterVector.blocks)
    try #require(posterior.rhoVector).copy_(vector(sigma.map { GaussianPosterior.rho(sigma: $0) }))
    let objective = DataEmphasizedELBO(layout: layout, examples: 4, prior: Prior(center: try vector(center)))
    let noise = Noise.drawn(NormalDraws(seed: 4, step: 1))
    let divergences = try objective.sample(posterior, noise, into: parameterVector)
    try parameterVector.gradients.copy_(vector(values("gradient", -1, 1)))
    let gradient = try objective.gradient(nll: 1, at: noise, of: posterior, divergences, in: parameterVector)

    var kl = 0.0
    for (part, range) in [(5 + 21, layout.backboneRange), (11, layout.headRange)] {
      let members = parameters.filter(range.contains)
      #expect(members.count == part)
      func square(_ x: Double) -> Double { x * x }
      let power = members.reduce(0) {
        $0 + square(mean[$1] - (range == layout.headRange ? 0 : center[$1])) + square(sigma[$1])
      }
      kl += members.reduce(0) { $0 + 0.5 * (log(power / Double(part)) - log(square(sigma[$1]))) }
    }
    #expect(abs(divergences.kl / kl - 1) < 1e-12)
    let rho = try #require(gradient.rhoVector).doubles()
    #expect(rho.allSatisfy(\.isFinite) && padding.allSatisfy { rho[$0] == 0 })
    let weights = try parameterVector.weights.doubles()
    #expect(padding.allSatisfy { weights[$0] == 0 } && parameters.allSatisfy { weights[$0] != mean[$0] })
  }
}

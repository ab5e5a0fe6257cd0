import Evidence
import Foundation
import TestSupport
import Testing
import Torch

/// The Gaussian likelihood against the density's own formula on plain doubles.
@Suite struct LikelihoodTests {
  private static let count = 12
  private static let outputs = Formula.uniform("outputs", count: count, -2, 2)

  /// Values around `mean`, and the density of each under the prediction mean + deviation · output.
  private func values(_ mean: Double, _ deviation: Double) -> [Double] {
    Formula.uniform("values", count: Self.count, mean - 2 * deviation, mean + 2 * deviation)
  }

  private func logDensity(_ value: Double, prediction: Double, noise: Double) -> Double {
    -0.5 * pow((value - prediction) / noise, 2) - log(noise) - 0.5 * log(2 * .pi)
  }

  private func tensors(_ values: [Double]) throws -> (outputs: Tensor, targets: Tensor) {
    (try Tensor(Self.outputs, shape: [Self.count, 1]), try Tensor(values, shape: [Self.count]))
  }

  @Test(arguments: [(0, 1, 0.3), (40, 0.01, 0.02), (1.6e9, 250, 80)])
  func logLikelihoodIsTheLogDensityInTheValuesUnit(mean: Double, deviation: Double, noise: Double) throws {
    let values = values(mean, deviation)
    let likelihood = Likelihood.gaussian(GaussianNoise(mean: mean, deviation: deviation, noise: noise))
    #expect(abs((likelihood.gaussian?.standardDeviation ?? 0) / noise - 1) < 1e-14)
    let (outputs, targets) = try tensors(values)
    let expected = zip(values, Self.outputs).map {
      logDensity($0, prediction: mean + deviation * $1, noise: noise)
    }
    // The values have 53 bits: of 1.6e9 ± 250, about 30 behind the mean.
    let tolerance = mean > 1e6 ? 1e-7 : 1e-12
    let found = try likelihood.logLikelihood(outputs, targets).doubles()
    #expect(Golden.relativeError(found, expected) < tolerance)
    let loss = try likelihood.loss(outputs, targets).item()
    #expect(Golden.relativeError(loss, -expected.reduce(0, +) / Double(Self.count)) < tolerance)
    // A network computes in float32.
    let rounded = try likelihood.logLikelihood(outputs.to(dtype: .float32), targets).doubles()
    #expect(Golden.relativeError(rounded, expected) < 1e-6)
  }

  /// ∂loss/∂f = −(z − f)/(N s²), z = (y − a)/b.
  @Test func gradientIsTheFormulas() throws {
    let (mean, deviation, noise) = (40.0, 3.0, 0.7)
    let values = values(mean, deviation)
    let likelihood = Likelihood.gaussian(GaussianNoise(mean: mean, deviation: deviation, noise: noise))
    let (outputs, targets) = try tensors(values)
    try outputs.setRequiresGrad(true)
    try likelihood.loss(outputs, targets).backward()
    let found = try #require(try outputs.grad()).doubles()
    let expected = zip(values, Self.outputs).map { value, output in
      -((value - mean) / deviation - output) / (Double(Self.count) * pow(noise / deviation, 2))
    }
    #expect(Golden.relativeError(found, expected) < 1e-12)
  }

  @Test func categoricalIsTheCrossEntropy() throws {
    let logits = try Tensor(Self.outputs, shape: [4, 3])
    let labels = try Tensor([0, 2, 1, 2] as [Int64], shape: [4])
    let expected = [0, 2, 1, 2].enumerated().map { row, label in
      let values = Self.outputs[3 * row..<3 * row + 3]
      return values[3 * row + label] - log(values.reduce(0) { $0 + exp($1) })
    }
    let found = try Likelihood.categorical.logLikelihood(logits, labels).doubles()
    #expect(Golden.relativeError(found, expected) < 1e-12)
    let loss = try Likelihood.categorical.loss(logits, labels).item()
    #expect(Golden.relativeError(loss, -expected.reduce(0, +) / 4) < 1e-12)
    var likelihood = Likelihood.categorical
    likelihood.learn(nll: 3)
    #expect(likelihood == .categorical)
    #expect(likelihood.fitted(logLikelihood: -7, examples: 4).logLikelihood == -7)
  }
}

/// How the noise of a Gaussian likelihood is learned.
@Suite struct GaussianNoiseTests {
  private let mean = -5.0
  private let deviation = 20.0
  private let outputs = Formula.uniform("f", count: 30, -1, 1)
  private let values = Formula.uniform("y", count: 30, -40, 25)

  /// The mean of the squared errors, in units of the deviation's square.
  private var squaredError: Double {
    zip(values, outputs).reduce(0) { $0 + pow(($1.0 - mean) / deviation - $1.1, 2) } / 30
  }

  private func logLikelihood(_ likelihood: Likelihood) throws -> Double {
    try likelihood.logLikelihood(Tensor(outputs, shape: [30, 1]), Tensor(values, shape: [30])).sum().item()
  }

  @Test func startsAtTheValuesOwnSpread() {
    #expect(GaussianNoise(mean: mean, deviation: deviation).standardDeviation == deviation)
  }

  /// Each step moves s² by a tenth of the way to the batch's mean squared error.
  @Test func followsTheBatchesSquaredErrors() throws {
    var likelihood = Likelihood.gaussian(GaussianNoise(mean: mean, deviation: deviation))
    var expected = 1.0
    for _ in 0..<5 {
      likelihood.learn(nll: try -logLikelihood(likelihood) / 30)
      expected = 0.9 * expected + 0.1 * squaredError
      #expect(abs(try #require(likelihood.gaussian).variance / expected - 1) < 1e-12)
    }
  }

  @Test func aPerfectFitKeepsADensity() {
    var noise = GaussianNoise(mean: 0, deviation: 1)
    for _ in 0..<500 {
      // The NLL of errors that are all 0.
      var likelihood = Likelihood.gaussian(noise)
      likelihood.learn(nll: 0.5 * log(2 * .pi * noise.variance))
      noise = likelihood.gaussian ?? noise
    }
    #expect(noise.variance == GaussianNoise.smallestVariance)
    let fitted = Likelihood.gaussian(noise).fitted(logLikelihood: -0.5 * log(2 * .pi * noise.variance), examples: 1)
    #expect(fitted.likelihood.gaussian?.variance == GaussianNoise.smallestVariance)
    #expect(fitted.logLikelihood.isFinite)
  }

  /// Draws that diverged must not be judged as a perfect fit: neither the sum nor the noise hides a NaN.
  @Test func aNaNIsNoPerfectFit() throws {
    let noise = GaussianNoise(mean: mean, deviation: deviation)
    let fitted = Likelihood.gaussian(noise).fitted(logLikelihood: .nan, examples: 3)
    #expect(fitted.logLikelihood.isNaN)
    #expect(try #require(fitted.likelihood.gaussian).variance.isNaN)
    // A step that diverged is not applied, and its noise is not learned.
    for nll in [Double.nan, .infinity, -.infinity] {
      var likelihood = Likelihood.gaussian(noise)
      likelihood.learn(nll: nll)
      #expect(likelihood == .gaussian(noise))
    }
  }

  /// s²* is the mean squared error, and no other s² gives a higher likelihood; the sum is that under s²*.
  @Test(arguments: [0.01, 1, 30]) func theFittedNoiseMaximisesTheLikelihood(start: Double) throws {
    var noise = GaussianNoise(mean: mean, deviation: deviation)
    noise.variance = start
    let likelihood = Likelihood.gaussian(noise)
    let fitted = likelihood.fitted(logLikelihood: try logLikelihood(likelihood), examples: 30)
    let best = try #require(fitted.likelihood.gaussian)
    #expect(abs(best.variance / squaredError - 1) < 1e-11)
    #expect(abs(try logLikelihood(fitted.likelihood) / fitted.logLikelihood - 1) < 1e-12)
    for factor in [0.9, 0.999, 1.001, 1.1] {
      noise.variance = best.variance * factor
      #expect(try logLikelihood(.gaussian(noise)) < fitted.logLikelihood)
    }
  }

  @Test func givenNoiseStays() throws {
    var likelihood = Likelihood.gaussian(GaussianNoise(mean: mean, deviation: deviation, noise: 7))
    let before = likelihood
    likelihood.learn(nll: 100)
    #expect(likelihood == before)
    let fitted = likelihood.fitted(logLikelihood: -123, examples: 30)
    #expect(fitted.likelihood == before && fitted.logLikelihood == -123)
  }
}

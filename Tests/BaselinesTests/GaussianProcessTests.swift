import Baselines
import Foundation
import TestSupport
import Testing

/// Posterior and marginal likelihood against NumPy and SciPy (`Tests/golden/search/make.py`).
@Suite struct GaussianProcessTests {
  private struct Case: Decodable {
    var points: [[Double]]
    var values: [Double]
    var lengthscales: [Double]
    var signalVariance, noiseVariance, logLikelihood: Double
    var gradient: [Double]
    var tests: [[Double]]
    var means, variances: [Double]
  }

  private func cases() throws -> [(Case, GaussianProcess)] {
    let cases: [Case] = try Golden.load("search/gaussian_process.json")
    #expect(cases.count == 5)
    return try cases.map { golden in
      let process = GaussianProcess(
        points: golden.points, values: golden.values,
        hyperparameters: GaussianProcess.Hyperparameters(
          lengthscales: golden.lengthscales, signalVariance: golden.signalVariance,
          noiseVariance: golden.noiseVariance))
      return (golden, try #require(process))
    }
  }

  @Test func thePosteriorIsTheDenseOne() throws {
    for (golden, process) in try cases() {
      let predictions = golden.tests.map(process.predict)
      #expect(Golden.relativeError(predictions.map(\.mean), golden.means) < 1e-11)
      #expect(Golden.relativeError(predictions.map(\.variance), golden.variances) < 1e-9)
    }
  }

  @Test func theMarginalLikelihoodIsTheDenseOne() throws {
    for (golden, process) in try cases() {
      #expect(Golden.relativeError(process.logMarginalLikelihood, golden.logLikelihood) < 1e-11)
    }
  }

  /// The golden gradient is a difference of fourth order, which rounding limits.
  @Test func itsGradientIsThatOfTheDenseOne() throws {
    for (golden, process) in try cases() {
      #expect(Golden.relativeError(process.logMarginalLikelihoodGradient, golden.gradient) < 1e-8)
    }
  }

  @Test func thePredictionsGradientsAreDifferences() throws {
    for (golden, process) in try cases() {
      for point in golden.tests {
        let found = process.gradients(point)
        for axis in point.indices {
          func moved(_ by: Double) -> (mean: Double, deviation: Double) {
            var other = point
            other[axis] += by
            let (mean, variance) = process.predict(other)
            return (mean, variance.squareRoot())
          }
          let (low, high) = (moved(-1e-5), moved(1e-5))
          let scale = abs(found.mean) + 1
          #expect(abs((high.mean - low.mean) / 2e-5 - found.meanGradient[axis]) < 1e-5 * scale)
          #expect(abs((high.deviation - low.deviation) / 2e-5 - found.deviationGradient[axis]) < 1e-5 * scale)
        }
      }
    }
  }

  /// Of three dimensions with equal priors only the second matters: its length scale is fitted, the others' become
  /// long.
  @Test func fittingFindsWhichDimensionMatters() throws {
    var random = SearchRandom(seed: 3)
    let points = (0..<30).map { _ in random.point(3) }
    let values = points.map { sin(6 * $0[1]) }
    let process = try #require(GaussianProcess(fitting: points, values: values, seed: 1))
    let scales = process.hyperparameters.lengthscales
    #expect(scales[1] < 1)
    #expect(scales[0] > 3 * scales[1])
    #expect(scales[2] > 3 * scales[1])
    #expect(process.hyperparameters.noiseVariance < 1e-2)
    let middle = process.predict([0.5, 0.3, 0.5])
    #expect(abs(middle.mean - sin(1.8)) < 0.02)
  }

  @Test func equalValuesAndEqualPointsAreBorne() throws {
    let same = try #require(GaussianProcess(fitting: [[0.5, 0.5]], values: [2], seed: 0))
    #expect(abs(same.predict([0.5, 0.5]).mean - 2) < 1e-9)
    let twice = try #require(
      GaussianProcess(fitting: [[0.5], [0.5], [0.2]], values: [1, 1, 1], seed: 0))
    #expect(abs(twice.predict([0.9]).mean - 1) < 1e-9)
    #expect(GaussianProcess(fitting: [], values: [], seed: 0) == nil)
  }
}

import Foundation
import TestSupport
import Testing
import Training

@Suite struct RegressionMetricsTests {
  /// numpy's, from the same formulas' values.
  @Test func agreesWithNumpy() throws {
    let count = MetricsGolden.count
    for golden in try MetricsGolden.load().regression {
      func uniform(_ name: String, _ low: Double, _ high: Double) -> [Double] {
        Formula.uniform("\(name) \(golden.name)", count: count, low, high)
      }
      let values = uniform("values", -1, 1).map { golden.offset + golden.spread * $0 }
      let predictions = zip(values, uniform("errors", -0.5, 0.5)).map { $0 + golden.spread * $1 }
      let variances = uniform("variances", 0.05, 0.2).map { golden.spread * golden.spread * $0 }
      let found = RegressionMetrics(predictions: predictions, variances: variances, values: values)
      for (what, value, expected) in [
        ("RMSE", found.rmse, golden.rmse), ("MAE", found.mae, golden.mae), ("NLL", found.nll, golden.nll),
        ("R²", try #require(found.r2), golden.r2),
      ] {
        #expect(Golden.relativeError(value, expected) < 1e-9, "\(golden.name): \(what)")
      }
    }
  }

  /// A split whose values are all the same has no R², which is null under JSON.
  @Test func equalValuesHaveNoR2() throws {
    let found = RegressionMetrics(predictions: [1, 3], variances: [1, 1], values: [2, 2])
    #expect(found.r2 == nil && found.rmse == 1 && found.mae == 1)
    #expect(abs(found.nll - (0.5 * log(2 * .pi) + 0.5)) < 1e-12)
    let text = try JSON.line(found)
    #expect(text.contains(#""r2":null"#))
    #expect(try JSON.decode(RegressionMetrics.self, from: Data(text.utf8)) == found)
  }
}

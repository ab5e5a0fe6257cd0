import Baselines
import Foundation
import TestSupport
import Testing

/// Against mpmath with 100 digits (`Tests/golden/search/make.py`).
@Suite struct LogExpectedImprovementTests {
  private struct Case: Decodable {
    var z, logH, cumulative, density: Double
  }

  @Test func itIsRightFarIntoTheTail() throws {
    let cases: [Case] = try Golden.load("search/log_ei.json")
    #expect(cases.contains { $0.z == -1e6 })
    for golden in cases {
      // With standard deviation 1 and mean −z, the improvement below 0 has this z.
      let found = LogExpectedImprovement(best: 0)(mean: -golden.z, deviation: 1)
      #expect(abs(found - golden.logH) <= 2e-13 * max(1, abs(golden.logH)), "z = \(golden.z)")
      let gradient = LogExpectedImprovement(best: 0).gradient(mean: -golden.z, deviation: 1)
      #expect(gradient.value == found)
      #expect(Golden.relativeError(-gradient.byMean, golden.cumulative) < 1e-11, "z = \(golden.z)")
      #expect(Golden.relativeError(gradient.byDeviation, golden.density) < 1e-11, "z = \(golden.z)")
    }
  }

  @Test func unitsScaleIt() {
    let improvement = LogExpectedImprovement(best: 7)
    let standard = LogExpectedImprovement(best: 0)(mean: 0.4, deviation: 1)
    #expect(abs(improvement(mean: 7 + 0.4 * 5, deviation: 5) - (standard + log(5))) < 1e-13)
  }
}

import Foundation
import Testing
import Training

@Suite struct ClassificationMetricsTests {
  private func metrics(_ probabilities: [[Double]], _ labels: [Int], classes: Int) -> ClassificationMetrics {
    ClassificationMetrics(logProbabilities: probabilities.flatMap { $0.map(log) }, labels: labels, classes: classes)
  }

  @Test func agreesWithAHandComputation() {
    let found = metrics([[0.7, 0.3], [0.6, 0.4], [0.2, 0.8], [0.9, 0.1]], [0, 1, 1, 0], classes: 2)
    #expect(found.accuracy == 0.75)
    #expect(found.balancedAccuracy == 0.75)
    #expect(abs(found.nll - -(log(0.7) + log(0.4) + log(0.8) + log(0.9)) / 4) < 1e-12)
    // Each confidence lies in a bin of its own: (0.3 + 0.6 + 0.2 + 0.1) / 4.
    #expect(abs(found.ece - 0.3) < 1e-12)
  }

  /// Trap: balanced accuracy is NaN when a class is absent from a split.
  @Test func classesAbsentFromTheSplitAreLeftOutOfTheBalance() {
    let found = metrics([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.3, 0.6, 0.1]], [0, 0, 1], classes: 3)
    #expect(found.balancedAccuracy == 1)
    let unbalanced = metrics([[0.7, 0.3], [0.7, 0.3], [0.7, 0.3], [0.7, 0.3]], [0, 0, 0, 1], classes: 2)
    #expect(unbalanced.accuracy == 0.75)
    #expect(unbalanced.balancedAccuracy == 0.5)
  }

  @Test func confidencesInOneBinAreAveragedBeforeTheGap() {
    // Both in bin 10 of 15 ([0.667, 0.733)): one right, one wrong, mean confidence 0.7.
    let found = metrics([[0.69, 0.31], [0.71, 0.29]], [0, 1], classes: 2)
    #expect(abs(found.ece - 0.2) < 1e-12)
  }
}

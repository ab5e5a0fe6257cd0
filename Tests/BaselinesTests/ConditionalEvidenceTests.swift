import Baselines
import Foundation
import TestSupport
import Testing

@Suite struct ConditionalEvidenceTests {
  /// Rows of log probabilities, made from a formula.
  private func rows(_ name: String, _ count: Int, _ classes: Int) -> [Double] {
    let logits = Formula.uniform(name, count: count * classes, -3, 3)
    return (0..<count).flatMap { row -> [Double] in
      let values = logits[row * classes..<(row + 1) * classes]
      let normaliser = log(values.reduce(0) { $0 + exp($1) })
      return values.map { $0 - normaliser }
    }
  }

  /// Against the plain mean of products of probabilities.
  @Test func itIsTheLogarithmOfTheMeanJointProbability() {
    let draws = (0..<4).map { rows("draw \($0)", 6, 3) }
    let labels = [0, 2, 1, 1, 0, 2]
    let found = ConditionalEvidence(draws: draws, labels: labels, classes: 3)
    let joint = draws.map { draw in labels.enumerated().reduce(1.0) { $0 * exp(draw[3 * $1.offset + $1.element]) } }
    #expect(abs(found.logLikelihood - log(joint.reduce(0, +) / 4)) < 1e-12)
    var correct = 0
    for (index, label) in labels.enumerated() {
      let mean = (0..<3).map { k in draws.reduce(0) { $0 + exp($1[3 * index + k]) } / 4 }
      correct += mean.allSatisfy { $0 <= mean[label] } ? 1 : 0
    }
    #expect(found.accuracy == Double(correct) / 6)
  }

  /// Joint probabilities far below the smallest number, and draws whose network overflowed.
  @Test func nothingUnderflowsAndBadDrawsCountForNothing() {
    let sure = [Double](repeating: -1000, count: 8).enumerated().map { $0.offset % 2 == 0 ? -800 : $0.element }
    let found = ConditionalEvidence(draws: [sure, sure], labels: [0, 0, 0, 0], classes: 2)
    #expect(found.logLikelihood == -3200)
    let nan = [Double](repeating: .nan, count: 8)
    let half = ConditionalEvidence(draws: [sure, nan], labels: [0, 0, 0, 0], classes: 2)
    #expect(abs(half.logLikelihood - (-3200 - log(2))) < 1e-9)
    let none = ConditionalEvidence(draws: [nan], labels: [0, 0, 0, 0], classes: 2)
    #expect(none.logLikelihood == -.infinity && none.accuracy == 0)
  }
}

import Foundation
import TestSupport
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
  @Test func balancedAccuracyLeavesOutAbsentClasses() {
    let found = metrics([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.3, 0.6, 0.1]], [0, 0, 1], classes: 3)
    #expect(found.balancedAccuracy == 1)
    let unbalanced = metrics([[0.7, 0.3], [0.7, 0.3], [0.7, 0.3], [0.7, 0.3]], [0, 0, 0, 1], classes: 2)
    #expect(unbalanced.accuracy == 0.75)
    #expect(unbalanced.balancedAccuracy == 0.5)
  }

  /// No mean confidence is told, and so none is drawn, of a bin with outputs that are not finite.
  @Test func outputsThatAreNotFiniteHaveNoConfidence() {
    let found = ClassificationMetrics(
      logProbabilities: [.nan, .nan, log(0.9), log(0.1)], labels: [0, 0], classes: 2)
    #expect(found.nll.isNaN && found.ece.isNaN && found.accuracy == 1)
    #expect(found.reliability?.map(\.count) == [1] + [Int](repeating: 0, count: 12) + [1, 0])
    #expect(found.reliability?.first?.confidence == nil && found.reliability?.first?.accuracy == 1)
    #expect(abs((found.reliability?[13].confidence ?? 0) - 0.9) < 1e-12)
  }

  @Test func confidencesInOneBinAreAveragedBeforeTheGap() {
    // Both in bin 10 of 15 ([0.667, 0.733)): one right, one wrong, mean confidence 0.7.
    let found = metrics([[0.69, 0.31], [0.71, 0.29]], [0, 1], classes: 2)
    #expect(abs(found.ece - 0.2) < 1e-12)
  }

  /// numpy's, from the same formulas' logits.
  @Test func agreesWithNumpy() throws {
    let count = MetricsGolden.count
    for golden in try MetricsGolden.load().classification {
      let classes = golden.classes
      var logits = Formula.uniform("logits \(golden.name)", count: count * classes, -1, 1).map { $0 * golden.scale }
      let labels = Formula.hashes("labels \(golden.name)", count: count).map { hash in
        let label = Int(hash % UInt64(classes))
        return label == golden.absent ? (label + 1) % classes : label
      }
      for row in stride(from: 0, to: count, by: 2) { logits[row * classes + labels[row]] += golden.scale }
      let logProbabilities = (0..<count).flatMap { row in
        let values = logits[row * classes..<(row + 1) * classes]
        let total = log(values.reduce(0) { $0 + exp($1) })
        return values.map { $0 - total }
      }
      let names = (0..<classes).map { "class \($0)" }
      let found = ClassificationMetrics(
        logProbabilities: logProbabilities, labels: labels, classes: classes, names: names)
      for (what, value, expected) in [
        ("accuracy", found.accuracy, golden.accuracy), ("NLL", found.nll, golden.nll), ("ECE", found.ece, golden.ece),
        ("balanced accuracy", found.balancedAccuracy, golden.balancedAccuracy),
        ("Brier", try #require(found.brier), golden.brier),
      ] {
        #expect(Golden.relativeError(value, expected) < 1e-12, "\(golden.name): \(what)")
      }
      #expect(found.confusion == golden.confusion)
      #expect(found.classes == names)
      for (name, expected) in zip(names, golden.perClass) { #expect(found.perClassAccuracy?[name] == .some(expected)) }
      let bins = try #require(found.reliability)
      #expect(bins.count == golden.reliability.count)
      for (bin, expected) in zip(bins, golden.reliability) {
        #expect(bin.count == expected.count)
        #expect((bin.confidence == nil) == (expected.count == 0) && (bin.accuracy == nil) == (expected.count == 0))
        #expect(abs((bin.confidence ?? 0) - (expected.confidence ?? 0)) < 1e-12)
        #expect(abs((bin.accuracy ?? 0) - (expected.accuracy ?? 0)) < 1e-12)
      }
    }
  }

  /// Class names stay as they are under JSON's snake_case, and a class without examples is null.
  @Test func survivesJSON() throws {
    let names = ["redApple", "green_pear", "blue plum"]
    let found = ClassificationMetrics(
      logProbabilities: [[0.7, 0.2, 0.1], [0.3, 0.6, 0.1]].flatMap { $0.map { log($0) } }, labels: [0, 1], classes: 3,
      names: names)
    let text = try JSON.line(found)
    #expect(text.contains(#""per_class_accuracy":{"blue plum":null,"green_pear":1,"redApple":1}"#))
    #expect(text.contains(#"{"accuracy":null,"confidence":null,"count":0}"#))
    #expect(try JSON.decode(ClassificationMetrics.self, from: Data(text.utf8)) == found)
  }

  /// What a run of an older version wrote has fewer keys, and no more when it is written again.
  @Test func olderFilesAreRead() throws {
    let text = #"{"accuracy":0.75,"balanced_accuracy":0.5,"ece":0.1,"nll":0.7}"#
    let found = try JSON.decode(ClassificationMetrics.self, from: Data(text.utf8))
    #expect(found.accuracy == 0.75 && found.balancedAccuracy == 0.5)
    #expect(found.brier == nil && found.reliability == nil && found.perClassAccuracy == nil && found.confusion == nil)
    #expect(try JSON.line(found) == text)
  }

  /// A network whose outputs overflow has metrics that say so, and ends no process.
  @Test func numbersThatAreNotFiniteAreCounted() {
    let found = ClassificationMetrics(
      logProbabilities: [.nan, .nan, log(0.9), log(0.1)], labels: [0, 0], classes: 2)
    #expect(found.nll.isNaN && found.accuracy == 1)
    #expect(found.reliability?.map(\.count).reduce(0, +) == 2 && found.reliability?.first?.count == 1)
  }
}

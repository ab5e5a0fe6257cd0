import Backbones
import Baselines
import Foundation
import TestSupport
import Testing
import Torch

/// The traps of the baselines, one test each; Traps.md in Evidence's documentation lists them all.
@Suite struct TrapTests {
  /// With α or β = 0 the prior is improper, and its evidence would be NaN or −∞: it is refused with the reason.
  @Test(arguments: [0.0, -1, .nan, .infinity]) func anImproperPriorHasNoEvidence(precision: Double) throws {
    let layout = ParameterLayout([("a.weight", [40], .backbone, .zeros), ("head.weight", [11], .head, .zeros)])
    let vector = try ParameterVector(layout: layout)
    let fisher = try DiagonalFisher(like: vector)
    try vector.gradients.copy_(
      Tensor(Formula.uniform("gradient", count: layout.paddedCount, -1, 1), shape: [layout.paddedCount]))
    try fisher.add(logLikelihood: -3, in: vector)
    let evidence = try LaplaceEvidence(fisher, blocks: vector.blocks, squaredDistances: [1, 2])
    #expect(try evidence.logMarginalLikelihood(precisions: [1, 1]).isFinite)
    for (block, precisions) in [("backbone", [precision, 1]), ("head", [1, precision])] {
      func expectRefusal(_ body: () throws -> Void) {
        let error = #expect(throws: ImproperPrior.self) { try body() }
        #expect(error?.block == block)
        #expect(error?.description.contains("an improper prior (α or β = 0) has no marginal likelihood") == true)
        #expect(error?.description.contains(block == "head" ? "--beta" : "--alpha") == true)
      }
      expectRefusal { _ = try evidence.logMarginalLikelihood(precisions: precisions) }
      expectRefusal { _ = try evidence.slopes(precisions: precisions) }
      expectRefusal { _ = try evidence.deviations(precisions: precisions, like: vector) }
    }
  }

  /// The Fisher's diagonal is the sum of the squares of each example's gradient, not the square of a batch's.
  @Test func theFisherIsOfSingleExamples() throws {
    let layout = ParameterLayout([("head.weight", [5], .head, .zeros)])
    let vector = try ParameterVector(layout: layout, dtype: .float64)
    let fisher = try DiagonalFisher(like: vector)
    let gradients = (0..<3).map { Formula.uniform("gradient \($0)", count: 5, -1, 1) }
    for gradient in gradients {
      try vector.gradients.copy_(
        Tensor(gradient + [Double](repeating: 0, count: layout.paddedCount - 5), shape: [layout.paddedCount]))
      try fisher.add(logLikelihood: -1, in: vector)
    }
    let found = try fisher.values.doubles()
    for i in 0..<5 { #expect(abs(found[i] - gradients.reduce(0) { $0 + $1[i] * $1[i] }) < 1e-15) }
    #expect(fisher.examples == 3 && fisher.logLikelihood == -3)
    #expect(try vector.gradients.doubles().allSatisfy { $0 == 0 })
  }

  /// A block that lies at its prior's mean wants an infinite precision: the search stays finite.
  @Test func aBlockAtItsPriorsMeanKeepsAFinitePrecision() throws {
    var search = PrecisionSearch(blocks: 1)
    for _ in 0..<5000 { search.step([1]) }
    #expect(search.logPrecisions == [PrecisionSearch.limit] && search.precisions[0].isFinite)
    for _ in 0..<5000 { search.step([-1]) }
    #expect(search.logPrecisions == [-PrecisionSearch.limit] && search.precisions[0] > 0)
  }
}

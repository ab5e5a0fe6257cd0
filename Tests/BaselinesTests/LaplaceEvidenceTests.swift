import Backbones
import Baselines
import Foundation
import TestSupport
import Testing
import Torch

/// The golden values of Tests/golden/laplace, which laplace-torch computed.
struct LaplaceGolden: Decodable {
  struct Case: Decodable {
    var precisions: [Double]
    var evidence: Double
  }
  /// A network at its formula weights, and a prior's mean at some distance.
  struct Point: Decodable, CustomTestStringConvertible {
    var center_shift: Double
    var log_likelihood: Double
    var fisher_norm: Double
    var fisher_sum: Double
    var cases: [Case]
    /// ln P after each of two epochs of Adam.
    var log_precisions: [[Double]]
    var testDescription: String { "the prior's mean \(center_shift) away" }
  }
  var classes: Int
  var count: Int
  var side: Int
  var points: [Point]

  static let all = Result { try Golden.load("laplace/laplace.json", as: LaplaceGolden.self) }
}

/// The evidence, the Fisher's diagonal and the learned precisions against laplace-torch.
@Suite struct LaplaceEvidenceTests {
  /// The evidence of a point, its Fisher from each example alone.
  private func evidence(
    _ golden: LaplaceGolden, _ point: LaplaceGolden.Point, _ dtype: DType
  ) throws -> (evidence: LaplaceEvidence, fisher: DiagonalFisher, layout: ParameterLayout) {
    let network = try Backbone.named("resnet8").makeNetwork(classes: golden.classes)
    let layout = network.layout
    let values = layout.slices.map { Formula.state($0.name, shape: $0.shape) }
    let vector = try ParameterVector(layout: layout, dtype: dtype)
    try vector.set(Tensor(layout.vector(values), shape: [layout.paddedCount]))
    let buffers = try network.buffers.slices.map {
      try Tensor(Formula.state($0.name, shape: $0.shape), shape: $0.shape).to(dtype: dtype)
    }
    let shape = [golden.count, 3, golden.side, golden.side]
    let pixels = try Tensor(
      Formula.uniform("laplace input", count: shape.reduce(1, *), -1, 1), shape: shape
    ).to(dtype: dtype)
    let fisher = try DiagonalFisher(like: vector)
    for index in 0..<golden.count {
      let image = try pixels.narrow(dim: 0, start: index, length: 1)
      let label = try Tensor([Int64(index % golden.classes)], shape: [1])
      let context = ForwardContext(parameters: vector.leaves, buffers: buffers, mode: .evaluation)
      let logLikelihood = try network(image, context).logLikelihood(label).sum()
      try logLikelihood.backward()
      try fisher.add(logLikelihood: logLikelihood.item(), in: vector)
    }
    let distances = [ParameterGroup.backbone, .head].map { group in
      layout.slices.enumerated().filter { $0.element.group == group }.reduce(0.0) { sum, item in
        let slice = item.element
        let shift =
          group == .head
          ? values[item.offset]
          : Formula.uniform("center:" + slice.name, count: slice.count, -point.center_shift, point.center_shift)
        return sum + shift.reduce(0) { $0 + $1 * $1 }
      }
    }
    return (try LaplaceEvidence(fisher, blocks: vector.blocks, squaredDistances: distances), fisher, layout)
  }

  @Test(arguments: [DType.float64, .float32]) func agreesWithLaplaceTorch(dtype: DType) throws {
    let golden = try LaplaceGolden.all.get()
    var worst = 0.0
    for point in golden.points {
      let (evidence, fisher, layout) = try evidence(golden, point, dtype)
      let tolerance = dtype == .float64 ? 1e-9 : 1e-4
      #expect(Golden.relativeError(evidence.logLikelihood, point.log_likelihood) < tolerance)
      let diagonal = try fisher.values.doubles()
      #expect(Golden.relativeError(Golden.norm(diagonal), point.fisher_norm) < tolerance)
      #expect(Golden.relativeError(diagonal.reduce(0, +), point.fisher_sum) < tolerance)
      let parameters = Set(layout.slices.flatMap { Array($0.range) })
      #expect(diagonal.indices.allSatisfy { parameters.contains($0) || diagonal[$0] == 0 })
      for expected in point.cases {
        let found = try evidence.logMarginalLikelihood(precisions: expected.precisions)
        worst = max(worst, Golden.relativeError(found, expected.evidence))
      }
    }
    print("LML in \(dtype) against laplace-torch: relative error at most \(worst)")
    #expect(worst < (dtype == .float64 ? 1e-9 : 1e-4))
  }

  /// Two epochs of 100 steps of Adam end where PyTorch's end.
  @Test func adamsPathIsPyTorchs() throws {
    let golden = try LaplaceGolden.all.get()
    for point in golden.points {
      let (evidence, _, _) = try evidence(golden, point, .float64)
      var search = PrecisionSearch(blocks: 2)
      for expected in point.log_precisions {
        try search.ascend(evidence)
        for (found, value) in zip(search.logPrecisions, expected) { #expect(abs(found - value) < 1e-7) }
      }
    }
  }

  /// (B4) by central differences of (B3).
  @Test func slopesAreTheDerivatives() throws {
    let golden = try LaplaceGolden.all.get()
    let (evidence, _, _) = try evidence(golden, golden.points[0], .float64)
    for precisions in [[1.0, 1], [30, 0.02], [1e-3, 500]] {
      let slopes = try evidence.slopes(precisions: precisions)
      for place in 0..<2 {
        let values = try [-1.0, 1].map { sign in
          var moved = precisions
          moved[place] *= exp(sign * 1e-4)
          return try evidence.logMarginalLikelihood(precisions: moved)
        }
        #expect(abs((values[1] - values[0]) / 2e-4 - slopes[place]) < 1e-5 * max(1, abs(slopes[place])))
      }
    }
  }

  /// 1/√(F + P) of each parameter.
  @Test func deviationsAreThoseOfThePosterior() throws {
    let golden = try LaplaceGolden.all.get()
    let (evidence, fisher, layout) = try evidence(golden, golden.points[0], .float64)
    let vector = try ParameterVector(layout: layout, dtype: .float64)
    let found = try evidence.deviations(precisions: [4, 0.25], like: vector).doubles()
    let diagonal = try fisher.values.doubles()
    for slice in layout.slices {
      let precision = slice.group == .head ? 0.25 : 4
      for index in slice.range {
        #expect(abs(found[index] * (diagonal[index] + precision).squareRoot() - 1) < 1e-12)
      }
    }
  }
}

import Backbones
import TestSupport
import Testing
import Torch

/// Every backbone against PyTorch's logits, running statistics and gradients (Tests/golden/backbones/make.py).
@Suite struct GoldenLogitsTests {
  /// The largest, of 304 million parameters.
  private static let largest = ["vit_l_16", "vit_l_32"]
  /// Of 50 to 90 million: in float32 only, unless there is time.
  private static let large = ["vit_b_16", "vit_b_32", "convnext_small", "convnext_base"]
  private static let names = Backbone.all.filter { $0.modality == .images }.map(\.name).filter {
    isLong || !largest.contains($0)
  }

  /// Whether gradients are compared; those of the slowest only where there is time.
  private static func hasGradients(_ name: String, _ dtype: DType) -> Bool {
    let slow = ["resnet101", "resnet152", "densenet169", "densenet201"].contains(name)
    return dtype == .float64 ? isLong || !slow : isSmooth(name)
  }

  /// Their activations have no kinks, so that a gradient can be compared in float32.
  private static func isSmooth(_ name: String) -> Bool {
    ["vit", "convnext", "efficientnet"].contains(where: name.hasPrefix)
  }

  /// Logits within 1e-9 in float64 and 1e-4 in float32, in evaluation and in training mode; gradients, norm-wise per
  /// tensor, within 1e-8 and 1e-3.
  @Test(arguments: names) func logitsStatisticsAndGradients(name: String) throws {
    let file = try BackboneGolden.load(name)
    for (dtype, tolerance) in [(DType.float64, 1e-9), (.float32, 1e-4)] {
      if dtype == .float64, Self.largest.contains(name) || (Self.large.contains(name) && !isLong) { continue }
      for golden in file.cases {
        let network = try Backbone.named(name).makeNetwork(classes: file.classes, size: golden.side)
        let subject = try FormulaNetwork(network, dtype: dtype)
        let what = "\(name), side \(golden.side), \(dtype)"
        let evaluation = try withoutGrad { try subject.logits(file.batch, side: golden.side, .evaluation).doubles() }
        #expect(Golden.relativeError(evaluation, golden.evaluation) < tolerance, "\(what), evaluation mode")
        guard let expected = golden.training else { continue }

        let comparesGradients = Self.hasGradients(name, dtype)
        for leaf in subject.leaves { try leaf.setRequiresGrad(comparesGradients) }
        let training = try subject.logits(file.batch, side: golden.side, .training(momentum: file.momentum))
        #expect(Golden.relativeError(try training.doubles(), expected) < tolerance, "\(what), training mode")
        try compareStatistics(network.buffers, subject.buffers, #require(golden.statistics), tolerance, what)
        if comparesGradients {
          let found = try subject.gradients(of: training)
          compareGradients(
            network.layout, found, try #require(golden.gradients), dtype == .float64 ? 1e-8 : 1e-3, what)
        }
      }
    }
  }

  private func compareStatistics(
    _ layout: BufferLayout, _ buffers: [Tensor], _ golden: [String: [Double]], _ tolerance: Double, _ what: String
  ) throws {
    #expect(Set(golden.keys) == Set(layout.slices.map(\.name)))
    for (slice, buffer) in zip(layout.slices, buffers) {
      let difference = difference(slice.name, try buffer.doubles(), try #require(golden[slice.name]))
      #expect(difference < tolerance, "\(what), \(slice.name)")
    }
  }

  private func compareGradients(
    _ layout: ParameterLayout, _ found: [[Double]], _ golden: [[Double]], _ tolerance: Double, _ what: String
  ) {
    #expect(found.count == golden.count, "\(what): one gradient per parameter")
    let total = Golden.norm(golden.map { $0[0] })
    for (slice, (values, digest)) in zip(layout.slices, zip(found, golden)) {
      if digest[0] == 0 {
        // Rounding noise around an exact zero.
        #expect(Golden.norm(values) < tolerance * total, "\(what), gradient of \(slice.name)")
      } else {
        let difference = difference(slice.name, values, digest)
        #expect(difference < tolerance, "\(what), gradient of \(slice.name)")
      }
    }
  }

  /// Relative to the norm, which comes first: a projection may be small by cancellation.
  private func difference(_ name: String, _ values: [Double], _ golden: [Double]) -> Double {
    let found = [Golden.norm(values)] + Formula.projections(name, values, count: golden.count - 1)
    return (zip(found, golden).map { abs($0 - $1) }.max() ?? .infinity) / golden[0]
  }
}

import Backbones
import TestSupport
import Testing
import Torch

/// Every backbone against PyTorch's logits and running statistics (Tests/golden/backbones/make.py).
@Suite struct GoldenLogitsTests {
  struct File: Decodable {
    struct Case: Decodable {
      let side: Int
      let evaluation: [Double]
      let training: [Double]
      let statistics: [String: [Double]]
    }
    let classes: Int
    let batch: Int
    let momentum: Double
    let cases: [Case]
  }

  /// Within 1e-9 in float64 and 1e-4 in float32, in evaluation and in training mode.
  @Test(arguments: Backbone.all.filter { $0.modality == .images }.map(\.name)) func logitsAndRunningStatistics(
    name: String
  ) throws {
    let file = try Golden.load("backbones/\(name).json", as: File.self)
    let network = try Backbone.named(name).makeNetwork(classes: file.classes)
    let values = network.layout.vector(network.layout.slices.map { Formula.state($0.name, shape: $0.shape) })
    let flat = try Tensor(values, shape: [values.count])
    for (dtype, tolerance) in [(DType.float64, 1e-9), (.float32, 1e-4)] {
      let parameters = try network.layout.views(of: flat.to(dtype: dtype))
      for golden in file.cases {
        let what = "\(name), side \(golden.side), \(dtype)"
        let buffers = try network.buffers.slices.map {
          try Tensor(Formula.state($0.name, shape: $0.shape), shape: $0.shape).to(dtype: dtype)
        }
        func logits(_ mode: ForwardContext.Mode) throws -> [Double] {
          let shape = [file.batch, 3, golden.side, golden.side]
          let pixels = Formula.uniform("input", count: shape.reduce(1, *), -1, 1)
          let x = try Tensor(pixels, shape: shape).to(dtype: dtype)
          return try withoutGrad {
            try network(x, ForwardContext(parameters: parameters, buffers: buffers, mode: mode)).doubles()
          }
        }
        let evaluation = Golden.relativeError(try logits(.evaluation), golden.evaluation)
        #expect(evaluation < tolerance, "\(what), evaluation mode")
        let training = Golden.relativeError(try logits(.training(momentum: file.momentum)), golden.training)
        #expect(training < tolerance, "\(what), training mode")
        try compareStatistics(network.buffers, buffers, golden.statistics, tolerance, what)
      }
    }
  }

  private func compareStatistics(
    _ layout: BufferLayout, _ buffers: [Tensor], _ golden: [String: [Double]], _ tolerance: Double, _ what: String
  ) throws {
    #expect(Set(golden.keys) == Set(layout.slices.map(\.name)))
    for (slice, buffer) in zip(layout.slices, buffers) {
      let values = try buffer.doubles()
      let found = [Golden.norm(values)] + Formula.projections(slice.name, values, count: 2)
      let expected = try #require(golden[slice.name])
      // Relative to the norm, which comes first: a projection may be small by cancellation.
      let difference = zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity
      #expect(difference / expected[0] < tolerance, "\(what), \(slice.name)")
    }
  }
}

import Backbones
import Evidence
import Testing
import Torch

@Suite struct NoiseTests {
  private func epsilon(_ draws: NormalDraws, _ layout: ParameterLayout) throws -> [Float] {
    let vector = try ParameterVector(layout: layout)
    try vector.passes.draw(draws, into: vector.weights)
    return try vector.weights.floats()
  }

  /// Element i of a parameter gets draw logicalOffset + i, wherever the layout stores it; padding gets none.
  @Test func epsilonIsIndexedByLogicalPosition() throws {
    let layout = try Backbone.named("resnet20").makeNetwork(classes: 3).layout
    let draws = NormalDraws(seed: 6, step: 2)
    var expected = [Float](repeating: 0, count: layout.count)
    expected.withUnsafeMutableBufferPointer { draws.fill($0, from: 0) }
    let vector = try epsilon(draws, layout)
    #expect(layout.values(ofVector: vector).flatMap { $0 } == expected)
    #expect(vector.filter { $0 == 0 }.count == layout.paddedCount - layout.count)
  }

  /// A network whose largest parameter is split among threads draws the same as in one piece.
  @Test func largeParametersAreCoveredExactlyOnce() throws {
    let layout = try Backbone.named("resnet18").makeNetwork(classes: 10).layout
    let draws = NormalDraws(seed: 1, step: 0)
    let vector = try epsilon(draws, layout)
    for slice in layout.slices where slice.count > 1_000_000 {
      var expected = [Float](repeating: 0, count: slice.count)
      expected.withUnsafeMutableBufferPointer { draws.fill($0, from: slice.logicalOffset) }
      #expect(slice.unpack(Array(vector[slice.range])) == expected)
    }
  }
}

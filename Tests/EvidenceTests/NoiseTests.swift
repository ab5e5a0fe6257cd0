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

@Suite struct ParameterVectorTests {
  /// Every leaf computes with its slice of the vector, and its gradient's address never changes.
  @Test func leavesAndGradientsViewTheVectors() throws {
    let network = try Backbone.named("resnet20").makeNetwork(classes: 3)
    let vector = try ParameterVector(layout: network.layout)
    let weights = try #require(try vector.weights.address())
    let gradients = try #require(try vector.gradients.address())
    let state = network.initialState(seed: 1)
    try withoutGrad {
      try vector.weights.copy_(Tensor(network.layout.vector(state.parameters), shape: [network.layout.paddedCount]))
    }
    let buffers = try network.buffers.tensors(state.buffers)
    let images = try Tensor.ones([2, 3, 32, 32])
    for _ in 0..<2 {
      let context = ForwardContext(parameters: vector.leaves, buffers: buffers, mode: .training(momentum: 0.1))
      try network(images, context).crossEntropy(Tensor([0, 2] as [Int64], shape: [2])).backward()
      for (slice, leaf) in zip(network.layout.slices, vector.leaves) {
        #expect(try leaf.address() == weights + 4 * slice.offset)
        #expect(try leaf.grad()?.address() == gradients + 4 * slice.offset)
      }
      try vector.gradients.zero_()
    }
  }
}

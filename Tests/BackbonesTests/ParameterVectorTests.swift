import Backbones
import Testing
import Torch

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
      let context = ForwardContext(parameters: vector.leaves, buffers: buffers, mode: .training())
      try network(images, context).crossEntropy(Tensor([0, 2] as [Int64], shape: [2])).backward()
      for (slice, leaf) in zip(network.layout.slices, vector.leaves) {
        #expect(try leaf.address() == weights + 4 * slice.offset)
        #expect(try leaf.grad()?.address() == gradients + 4 * slice.offset)
      }
      try vector.gradients.zero_()
    }
  }
}

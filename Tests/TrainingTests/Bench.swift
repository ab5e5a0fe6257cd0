import Backbones
import Datasets
import TestSupport
import Torch
import Training

/// A small network and images made from formulas.
struct Bench {
  let network: Network
  let state: StateDict
  let data: ExampleBatches

  init(count: Int = 12) throws {
    network = try Backbone.named("resnet8").makeNetwork(classes: 3)
    state = network.initialState(seed: 1)
    let examples = (0..<count).map { index in
      let bytes = Formula.hashes("image \(index)", count: 3 * 20 * 20).map { UInt8(truncatingIfNeeded: $0 >> 32) }
      return Example(source: .pixels(RGBImage(height: 20, width: 20, pixels: bytes)), label: index % 3)
    }
    data = ExampleBatches(
      try ImageStore(examples, preprocessing: Preprocessing(size: 16, resizeSize: 16)), device: .cpu)
  }

  /// The network at the state's weights.
  func model(_ division: ParameterLayout.Division = .parts) throws -> Model {
    try Model(network: network, state: state, device: .cpu, blocks: division)
  }

  func weights() throws -> Tensor {
    try Tensor(network.layout.vector(state.parameters), shape: [network.layout.paddedCount])
  }

  /// The weights of a draw, mean + σε by plain float32 arithmetic; σ is a function of the place in the vector.
  func draw(seed: UInt64, step: UInt64, sigma: (Int) -> Float) throws -> Tensor {
    let layout = network.layout
    var epsilon = [Float](repeating: 0, count: layout.count)
    epsilon.withUnsafeMutableBufferPointer { NormalDraws(seed: seed, step: step).fill($0, from: 0) }
    let noise = layout.vector(
      layout.slices.map { Array(epsilon[$0.logicalOffset..<$0.logicalOffset + $0.count]) })
    let mean = layout.vector(state.parameters)
    let values = mean.indices.map { mean[$0] + sigma($0) * noise[$0] }
    return try Tensor(values, shape: [values.count])
  }
}

import Backbones
import Evidence
import Torch

/// A network with memory: the weights that it computes with, their gradients, and its running statistics.
public final class Model {
  /// The function.
  public let network: Network
  /// Weights and gradients, flat.
  public let vector: ParameterVector
  /// The BatchNorm layers' running means and variances, in the layout's order.
  public let buffers: [Tensor]
  /// Where all of it lies.
  public let device: Device
  /// The network's first stage that is applied: 0 where its input is images, that behind the frozen ones where it is
  /// features.
  package var firstStage = 0

  /// A network at the weights and the statistics of `state`, which reads sampled weights in `precision`.
  ///
  /// float64 instead of float32 is for tests.
  public init(
    network: Network, state: StateDict, device: Device, blocks division: ParameterLayout.Division = .parts,
    precision: ParameterVector.Precision = .float32, dtype: DType = .float32
  ) throws(TorchError) {
    self.network = network
    self.device = device
    let values = try Tensor(network.layout.vector(state.parameters), shape: [network.layout.paddedCount])
    vector = try ParameterVector(
      layout: network.layout, blocks: division, dtype: dtype, device: device,
      rounding: precision == .bfloat16 ? network.layout.bfloat16RoundingErrors(of: values) : nil)
    try vector.set(values.to(device: device))
    buffers = try network.buffers.tensors(state.buffers, dtype: dtype, device: device)
  }

  /// Logits `[N, classes]` at the current weights, of images or of features, as ``ExampleBatches`` gives them.
  ///
  /// `drops` says which residual branches are dropped, if any.
  public func callAsFunction(
    _ inputs: Tensor, mode: ForwardContext.Mode, drops: BranchDrops? = nil
  ) throws(TorchError) -> Tensor {
    try network(
      inputs, ForwardContext(parameters: vector.leaves, buffers: buffers, mode: mode, drops: drops), from: firstStage)
  }

  /// What the frozen stages make of images `[N, 3, S, S]`.
  func frozenFeatures(_ inputs: Tensor) throws(TorchError) -> Tensor {
    try network.frozenFeatures(
      inputs, ForwardContext(parameters: vector.leaves, buffers: buffers, mode: .evaluation))
  }

  /// Refuses images so small that the network has no output for them.
  ///
  /// Throws ``TrainingError/invalidOption(_:)``.
  func checkSize(_ size: Int) throws {
    do {
      let image = try Tensor.zeros([1, 3, size, size], device: device)
      _ = try withoutGrad { try self(image, mode: .evaluation) }
    } catch let error as TorchError {
      throw TrainingError.invalidOption(
        "--size \(size): \(network.backbone.name) cannot take such images (\(error.message)). Pass a larger --size.")
    }
  }

  /// Copies values into the running statistics.
  public func setBuffers(_ values: [Tensor]) throws(TorchError) {
    for (buffer, value) in zip(buffers, values) { try buffer.copy_(value) }
  }

  /// Copies of the running statistics.
  public func bufferCopies() throws(TorchError) -> [Tensor] {
    var copies: [Tensor] = []
    for buffer in buffers { copies.append(try buffer.clone()) }
    return copies
  }
}

extension Network {
  /// Refuses images that are not cut into whole patches, where the network cuts them.
  ///
  /// Throws ``TrainingError/invalidOption(_:)``.
  func checkPatches(of size: Int) throws(TrainingError) {
    guard let patch = architecture.positionEmbedding?.patch else { return }
    try require(
      size % patch == 0,
      "--size \(size): \(backbone.name) cuts images into patches of \(patch) pixels. Pass a multiple of \(patch).")
  }
}

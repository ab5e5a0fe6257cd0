import Torch

/// A network's shape: its layers as indices into parameters and buffers, and how they are applied.
public protocol Architecture: Sendable {
  /// The classification head.
  var head: Linear { get }

  /// What the head sees, `[N, featureWidth]`, of images `[N, 3, H, W]`.
  func features(_ x: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor
}

extension Architecture {
  /// Logits `[N, classes]` of images `[N, 3, H, W]`.
  public func callAsFunction(_ x: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor {
    try head(features(x, context), context)
  }
}

/// A backbone with a head for a number of classes: a function, and the layout of what it is a function of.
///
/// ```swift
/// let network = try Backbone.named("resnet18").makeNetwork(classes: 10)
/// let state = network.initialState(seed: 1)
/// let flat = try Tensor(network.layout.vector(state.parameters), shape: [network.layout.paddedCount])
/// let context = ForwardContext(
///   parameters: try network.layout.views(of: flat), buffers: try network.buffers.tensors(state.buffers),
///   mode: .evaluation)
/// let logits = try network(Tensor.zeros([1, 3, 224, 224]), context)
/// ```
public struct Network: Sendable {
  /// The backbone that it was made from.
  public let backbone: Backbone
  /// The number of logits.
  public let classes: Int
  /// Where each parameter lies in the parameter vector.
  public let layout: ParameterLayout
  /// The running statistics.
  public let buffers: BufferLayout
  /// The layers.
  public let architecture: any Architecture

  /// Logits `[N, classes]` of preprocessed images `[N, 3, H, W]`.
  ///
  /// Throws PyTorch's error where shapes, dtypes or devices do not go together.
  public func callAsFunction(_ x: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor {
    try architecture(x, context)
  }
}

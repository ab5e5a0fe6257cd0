import Torch

/// A network's shape: its layers as indices into parameters and buffers, and how they are applied.
public protocol Architecture: Sendable {
  /// What makes the head's input `[N, featureWidth]` of images `[N, 3, H, W]` or token numbers `[N, T]`, each stage
  /// from the output of the last.
  var stages: [Stage] { get }
  /// The classification head.
  var head: Linear { get }
  /// The embeddings of positions, in architectures that have some.
  var positionEmbedding: PositionEmbedding? { get }
}

extension Architecture {
  /// None.
  public var positionEmbedding: PositionEmbedding? { nil }
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
  public private(set) var layout: ParameterLayout
  /// The running statistics.
  public private(set) var buffers: BufferLayout
  /// The layers.
  public let architecture: any Architecture

  /// The stages at the beginning of which no parameter is trained.
  ///
  /// Their output is a fixed function of the input.
  public var frozenStageCount: Int {
    architecture.stages.prefix { $0.parameterCount <= layout.frozenSliceCount }.count
  }

  /// Logits `[N, classes]` of preprocessed images `[N, 3, H, W]`, of texts as int64 token numbers `[N, T]` with −1
  /// behind a text's end, or of what the stages before `stage` made of them.
  ///
  /// BatchNorm layers that are not trained normalise with their running statistics in every mode, and leave them as
  /// they are. Where some weights are bfloat16, so are the images or maps that enter the trained stages: what lies
  /// between convolutions is then in bfloat16, whichever of them are. Throws PyTorch's error where shapes, dtypes or
  /// devices do not go together.
  public func callAsFunction(
    _ x: Tensor, _ context: ForwardContext, from stage: Int = 0
  ) throws(TorchError) -> Tensor {
    let context = try context.freezing(layout.frozenSliceCount).reading(x)
    let trained = max(stage, frozenStageCount)
    var x = try apply(architecture.stages[stage..<trained], to: x, context)
    if x.dtype == .float32, x.shape.count == 4, context.parameters.contains(where: { $0.dtype == .bfloat16 }) {
      x = try x.to(dtype: .bfloat16)
    }
    return try architecture.head(apply(architecture.stages[trained...], to: x, context), context)
  }

  /// What the first ``frozenStageCount`` stages make of preprocessed images `[N, 3, H, W]` or of texts `[N, T]`.
  public func frozenFeatures(_ x: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor {
    try apply(
      architecture.stages[..<frozenStageCount], to: x, context.freezing(layout.frozenSliceCount).reading(x))
  }

  private func apply(
    _ stages: ArraySlice<Stage>, to x: Tensor, _ context: ForwardContext
  ) throws(TorchError) -> Tensor {
    var x = x
    for stage in stages { x = try stage(x, context) }
    return x
  }

  /// The same function, of which the first parameters are not trained.
  func freezing(_ sliceCount: Int) -> Network {
    var network = self
    network.layout = layout.freezing(sliceCount)
    let names = Set(layout.slices.prefix(sliceCount).map(\.name))
    network.buffers = buffers.freezing { names.contains("\($0).weight") }
    return network
  }
}

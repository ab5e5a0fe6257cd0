import Torch

/// What a forward pass computes with, beside its input.
///
/// The network is a plain function of (parameters, buffers, input): no layer holds weights, and none knows that they
/// are sampled.
public struct ForwardContext {
  /// What BatchNorm normalises with.
  public enum Mode: Sendable, Hashable {
    /// The running statistics.
    case evaluation
    /// The batch's own statistics; the running ones move by `momentum` towards them, in place.
    case training(momentum: Double = 0.1)
  }

  /// One tensor per slice of the ``ParameterLayout``, as its `views(of:)` gives them.
  public let parameters: [Tensor]
  /// One tensor per slice of the ``BufferLayout``.
  public let buffers: [Tensor]
  /// What BatchNorm normalises with.
  public let mode: Mode
  /// Which residual branches are dropped, in architectures with stochastic depth; none where it is nil.
  public let drops: BranchDrops?
  /// How many of the first parameters are not trained: their BatchNorm layers are always in evaluation mode.
  private(set) var frozenSliceCount = 0
  /// Of token numbers: which are tokens, `[N, 1, 1, T]`, and not the padding behind a text's end.
  private(set) var tokenMask: Tensor?

  /// Gathers what a forward pass needs.
  public init(parameters: [Tensor], buffers: [Tensor], mode: Mode, drops: BranchDrops? = nil) {
    self.parameters = parameters
    self.buffers = buffers
    self.mode = mode
    self.drops = drops
  }

  /// The same, where so many of the first parameters are not trained.
  func freezing(_ sliceCount: Int) -> ForwardContext {
    var context = self
    context.frozenSliceCount = sliceCount
    return context
  }

  /// The same, for a pass over this input: images, or token numbers `[N, T]`.
  ///
  /// Numbers of another shape have no mask: the network that reads them says what it expected.
  func reading(_ input: Tensor) throws(TorchError) -> ForwardContext {
    let shape = input.shape
    guard input.dtype == .int64, shape.count == 2 else { return self }
    var context = self
    context.tokenMask = try input.ge(0).view([shape[0], 1, 1, shape[1]])
    return context
  }
}

/// How a convolution pads its input with zeros.
enum Padding: Sendable, Hashable {
  /// The same number of pixels on every side.
  case symmetric(Int)
  /// TensorFlow's 'SAME': the output side is ⌈side / stride⌉, and an odd pixel of padding goes to the bottom and right.
  case same

  /// Pixels before and after a side of this length.
  func amounts(side: Int, kernelSize: Int, stride: Int) -> (before: Int, after: Int) {
    switch self {
    case .symmetric(let amount): return (amount, amount)
    case .same:
      let outputs = (side + stride - 1) / stride
      let total = max((outputs - 1) * stride + kernelSize - side, 0)
      return (total / 2, total - total / 2)
    }
  }
}

/// A square 2-D convolution: the indices of its weight and its bias, if it has one, and its geometry.
struct Conv2d: Sendable {
  let weight: Int
  let bias: Int?
  let kernelSize: Int
  let stride: Int
  let padding: Padding
  let groups: Int

  func callAsFunction(_ x: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor {
    let shape = x.shape
    guard shape.count == 4, case .same = padding else {
      let (amount, _) = padding.amounts(side: 0, kernelSize: kernelSize, stride: stride)
      return try convolve(x, padding: amount, context)
    }
    let (top, bottom) = padding.amounts(side: shape[2], kernelSize: kernelSize, stride: stride)
    let (left, right) = padding.amounts(side: shape[3], kernelSize: kernelSize, stride: stride)
    if top == bottom, left == right, top == left { return try convolve(x, padding: top, context) }
    return try convolve(x.pad([left, right, top, bottom]), padding: 0, context)
  }

  /// Computes in the weight's dtype, whatever the input's: which weights are read in bfloat16 is not a layer's
  /// business.
  ///
  /// The output of a bfloat16 input is in bfloat16, too.
  private func convolve(_ x: Tensor, padding: Int, _ context: ForwardContext) throws(TorchError) -> Tensor {
    let weight = context.parameters[weight]
    let bias = bias.map { context.parameters[$0] }
    let x = x.dtype == .bfloat16 ? x : try x.to(dtype: weight.dtype)
    guard let bias, bias.dtype != weight.dtype else {
      return try x.conv2d(weight, bias: bias, stride: stride, padding: padding, groups: groups)
    }
    let y = try x.conv2d(weight, stride: stride, padding: padding, groups: groups)
    try y.add_(bias.view([bias.count, 1, 1]))
    return y
  }
}

/// Batch normalisation: the indices of its scale and shift, and of its running statistics.
struct BatchNorm2d: Sendable {
  let weight: Int
  let bias: Int
  let runningMean: Int
  let runningVar: Int
  let eps: Double

  func callAsFunction(
    _ x: Tensor, _ context: ForwardContext, adding shortcut: Tensor? = nil, activation: Activation = .none
  ) throws(TorchError) -> Tensor {
    let (training, momentum) =
      switch context.mode {
      case .evaluation: (false, 0.0)
      case .training(let momentum): (weight >= context.frozenSliceCount, momentum)
      }
    return try x.batchNorm(
      weight: context.parameters[weight], bias: context.parameters[bias],
      runningMean: context.buffers[runningMean], runningVar: context.buffers[runningVar],
      training: training, momentum: momentum, eps: eps, adding: shortcut, activation: activation)
  }
}

/// Layer normalisation over the last dimension: the indices of its scale and shift.
struct LayerNorm: Sendable {
  let weight: Int
  let bias: Int
  let eps: Double

  /// Computes in the scale's dtype: libtorch on a GPU mixes none here.
  func callAsFunction(_ x: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor {
    let weight = context.parameters[weight]
    return try x.to(dtype: weight.dtype).layerNorm(weight: weight, bias: context.parameters[bias], eps: eps)
  }

  /// Over the channels of `[N, C, H, W]`.
  func overChannels(_ x: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor {
    try self(x.permute([0, 2, 3, 1]), context).permute([0, 3, 1, 2])
  }
}

/// A convolution, the normalisation of its output, and what follows it.
struct ConvNorm: Sendable {
  let conv: Conv2d
  let norm: BatchNorm2d

  func callAsFunction(
    _ x: Tensor, _ context: ForwardContext, adding shortcut: Tensor? = nil, activation: Activation = .none
  ) throws(TorchError) -> Tensor {
    try norm(conv(x, context), context, adding: shortcut, activation: activation)
  }
}

/// A linear layer, such as the classification head: the indices of its weight `[outputs, inputs]` and bias `[outputs]`.
public struct Linear: Sendable {
  let weight: Int
  let bias: Int

  /// x · weightᵀ + bias over the last dimension: logits `[N, classes]` of features `[N, featureWidth]`.
  ///
  /// Computes in the weight's dtype. A bias of more precision is added in its own before the sum is rounded, so that
  /// its noise stays what it is.
  public func callAsFunction(_ x: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor {
    try Self.apply(context.parameters[weight], context.parameters[bias], to: x)
  }

  /// x · weightᵀ + bias.
  static func apply(_ weight: Tensor, _ bias: Tensor, to x: Tensor) throws(TorchError) -> Tensor {
    let x = try x.to(dtype: weight.dtype)
    guard bias.dtype != weight.dtype else { return try x.linear(weight, bias: bias) }
    let y = try x.linear(weight)
    try y.add_(bias)
    return y
  }
}

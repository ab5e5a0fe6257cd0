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
    case training(momentum: Double)
  }

  /// One tensor per slice of the ``ParameterLayout``, as its `views(of:)` gives them.
  public let parameters: [Tensor]
  /// One tensor per slice of the ``BufferLayout``.
  public let buffers: [Tensor]
  /// What BatchNorm normalises with.
  public let mode: Mode
  /// How many of the first parameters are not trained: their BatchNorm layers are always in evaluation mode.
  private(set) var frozenSliceCount = 0

  /// Gathers what a forward pass needs.
  public init(parameters: [Tensor], buffers: [Tensor], mode: Mode) {
    self.parameters = parameters
    self.buffers = buffers
    self.mode = mode
  }

  /// The same, where so many of the first parameters are not trained.
  func freezing(_ sliceCount: Int) -> ForwardContext {
    var context = self
    context.frozenSliceCount = sliceCount
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

/// A square 2-D convolution without bias: the index of its weight and its geometry.
struct Conv2d: Sendable {
  let weight: Int
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

  /// Computes in the weight's dtype, whatever the input's: which weights are read in bfloat16 is not a layer's business.
  private func convolve(_ x: Tensor, padding: Int, _ context: ForwardContext) throws(TorchError) -> Tensor {
    let weight = context.parameters[weight]
    return try x.to(dtype: weight.dtype).conv2d(weight, stride: stride, padding: padding, groups: groups)
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

/// The classification head: the indices of its weight `[classes, features]` and bias `[classes]`.
public struct Linear: Sendable {
  let weight: Int
  let bias: Int

  /// Logits `[N, classes]` of features `[N, featureWidth]`.
  public func callAsFunction(_ x: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor {
    let weight = context.parameters[weight]
    return try x.to(dtype: weight.dtype).linear(weight, bias: context.parameters[bias])
  }
}

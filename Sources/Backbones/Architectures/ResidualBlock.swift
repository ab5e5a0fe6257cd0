import Torch

/// How a residual block hands on its input (He et al., CVPR 2016, section 3.3).
enum Shortcut: Sendable {
  /// Unchanged.
  case identity
  /// Option A: every `stride`-th pixel, and as many channels of zeros before as behind. No parameters.
  case zeroPadded(stride: Int, channelsEachSide: Int)
  /// Option B: a 1×1 convolution.
  case projection(ConvNorm)

  func callAsFunction(_ x: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor {
    switch self {
    case .identity: return x
    case .zeroPadded(let stride, let channels):
      // Pooling with a window of one pixel takes every stride-th one.
      return try x.avgPool2d(kernelSize: 1, stride: stride).pad([0, 0, 0, 0, channels, channels])
    case .projection(let projection): return try projection(x, context)
    }
  }
}

/// relu(shortcut(x) + branch(x)), a ReLU between the branch's convolutions: two make the basic block, three the
/// bottleneck.
struct ResidualBlock: Sendable {
  let branch: [ConvNorm]
  let shortcut: Shortcut

  func callAsFunction(_ x: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor {
    var y = x
    for layer in branch.dropLast() { y = try layer(y, context, activation: .relu) }
    let handedOn = try shortcut(x, context)
    return try branch.last?(y, context, adding: handedOn, activation: .relu) ?? handedOn
  }
}

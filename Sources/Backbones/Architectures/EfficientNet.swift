import Torch

/// EfficientNet-B0 (Tan and Le, ICML 2019, table 1), under torchvision's names.
///
/// The dropout that torchvision has before its classifier is left out, as MobileNetV2's: the posterior's noise on every
/// weight regularises, and its strength is learned.
struct EfficientNet: Architecture {
  static let featureWidth = 1280

  /// x · sigmoid(fc2(silu(fc1(mean x)))) (Hu et al., CVPR 2018, equations 2 to 4).
  struct SqueezeExcitation: Sendable {
    let fc1: Conv2d
    let fc2: Conv2d

    func callAsFunction(_ x: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor {
      let mean = try x.mean(dims: [2, 3], keepDim: true)
      return try x * fc2(fc1(mean, context).silu(), context).sigmoid()
    }
  }

  /// MBConv: x + branch(x), or branch(x) where the shape changes.
  ///
  /// The branch widens (but for the first block), filters each channel, weighs the channels and narrows.
  struct Block: Sendable {
    let expand: ConvNorm?
    let depthwise: ConvNorm
    let excitation: SqueezeExcitation
    let project: ConvNorm
    let isResidual: Bool
    let depth: StochasticDepth

    func callAsFunction(_ x: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor {
      var y = x
      if let expand { y = try expand(y, context).silu() }
      y = try excitation(depthwise(y, context).silu(), context)
      y = try project(y, context)
      return isResidual ? try depth(y, context) + x : y
    }
  }

  let stages: [Stage]
  let head: Linear

  /// `stridedPadding` is that of the convolutions of stride 2, half the kernel where it is nil: torchvision's.
  init(stridedPadding: Padding?, classes: Int, builder: inout LayoutBuilder) {
    let stem = builder.convNorm("features.0.0", "features.0.1", 3, 32, kernel: 3, stride: 2, padding: stridedPadding)
    var stages = [builder.stage { x, context throws(TorchError) in try stem(x, context).silu() }]
    let rows: [(expansion: Int, kernel: Int, stride: Int, outputs: Int, count: Int)] = [
      (1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4),
      (6, 3, 1, 320, 1),
    ]
    let count = rows.reduce(0) { $0 + $1.count }
    var (inputs, number) = (32, 0)
    for (stage, row) in rows.enumerated() {
      for index in 0..<row.count {
        let block = Self.block(
          "features.\(stage + 1).\(index).block", inputs, row.outputs, expansion: row.expansion, kernel: row.kernel,
          stride: index == 0 ? row.stride : 1, stridedPadding: stridedPadding,
          StochasticDepth(number, 0.2 * Double(number) / Double(count)), &builder)
        stages.append(builder.stage { x, context throws(TorchError) in try block(x, context) })
        inputs = row.outputs
        number += 1
      }
    }
    let last = builder.convNorm("features.8.0", "features.8.1", inputs, Self.featureWidth, kernel: 1)
    stages.append(
      builder.stage { x, context throws(TorchError) in try last(x, context).silu().mean(dims: [2, 3]) })
    self.stages = stages
    head = builder.head("classifier.1", Self.featureWidth, classes)
  }

  private static func block(
    _ name: String, _ inputs: Int, _ outputs: Int, expansion: Int, kernel: Int, stride: Int, stridedPadding: Padding?,
    _ depth: StochasticDepth, _ builder: inout LayoutBuilder
  ) -> Block {
    let hidden = inputs * expansion
    var layer = 0
    func next() -> String {
      defer { layer += 1 }
      return "\(name).\(layer)"
    }
    func convNorm(_ inputs: Int, _ outputs: Int, kernel: Int = 1, stride: Int = 1, groups: Int = 1) -> ConvNorm {
      let name = next()
      return builder.convNorm(
        "\(name).0", "\(name).1", inputs, outputs, kernel: kernel, stride: stride,
        padding: stride == 2 ? stridedPadding : nil, groups: groups)
    }
    let expand = expansion > 1 ? convNorm(inputs, hidden) : nil
    let depthwise = convNorm(hidden, hidden, kernel: kernel, stride: stride, groups: hidden)
    let squeeze = next()
    let excitation = SqueezeExcitation(
      fc1: builder.conv("\(squeeze).fc1", hidden, inputs / 4, kernel: 1, hasBias: true),
      fc2: builder.conv("\(squeeze).fc2", inputs / 4, hidden, kernel: 1, hasBias: true))
    let project = convNorm(hidden, outputs)
    return Block(
      expand: expand, depthwise: depthwise, excitation: excitation, project: project,
      isResidual: stride == 1 && inputs == outputs, depth: depth.behind(builder.parameterCount))
  }
}

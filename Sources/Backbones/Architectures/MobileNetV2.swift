import Torch

/// MobileNetV2 at width 1.0 (Sandler et al., CVPR 2018, table 2), under torchvision's names.
///
/// The dropout that torchvision has before its classifier is left out on purpose: here the regulariser is the
/// posterior's noise on every weight, and its strength is learned.
struct MobileNetV2: Architecture {
  static let featureWidth = 1280

  /// x + branch(x), or branch(x) where the shape changes; ReLU6 after all but the branch's last layer.
  struct InvertedResidual: Sendable {
    let branch: [ConvNorm]
    let isResidual: Bool

    func callAsFunction(_ x: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor {
      var y = x
      for layer in branch.dropLast() { y = try layer(y, context, activation: .relu6) }
      return try branch.last?(y, context, adding: isResidual ? x : nil) ?? y
    }
  }

  let stages: [Stage]
  let head: Linear

  /// `stridedPadding` is that of the 3×3 convolutions of stride 2, half the kernel where it is nil: torchvision's.
  init(stridedPadding: Padding?, classes: Int, builder: inout LayoutBuilder) {
    let stem = builder.convNorm("features.0.0", "features.0.1", 3, 32, kernel: 3, stride: 2, padding: stridedPadding)
    var stages = [builder.stage { x, context throws(TorchError) in try stem(x, context, activation: .relu6) }]
    let rows: [(expansion: Int, outputs: Int, count: Int, stride: Int)] = [
      (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
    ]
    var inputs = 32
    for row in rows {
      for index in 0..<row.count {
        let name = "features.\(stages.count).conv"
        let stride = index == 0 ? row.stride : 1
        let hidden = inputs * row.expansion
        var branch: [ConvNorm] = []
        if row.expansion > 1 {
          branch.append(builder.convNorm("\(name).0.0", "\(name).0.1", inputs, hidden, kernel: 1))
        }
        let depthwise = "\(name).\(branch.count)"
        branch.append(
          builder.convNorm(
            "\(depthwise).0", "\(depthwise).1", hidden, hidden, kernel: 3, stride: stride,
            padding: stride == 2 ? stridedPadding : nil, groups: hidden))
        branch.append(
          builder.convNorm("\(name).\(branch.count)", "\(name).\(branch.count + 1)", hidden, row.outputs, kernel: 1))
        let block = InvertedResidual(branch: branch, isResidual: stride == 1 && inputs == row.outputs)
        stages.append(builder.stage { x, context throws(TorchError) in try block(x, context) })
        inputs = row.outputs
      }
    }
    let last = builder.convNorm("features.18.0", "features.18.1", inputs, Self.featureWidth, kernel: 1)
    stages.append(
      builder.stage { x, context throws(TorchError) in
        try last(x, context, activation: .relu6).mean(dims: [2, 3])
      })
    self.stages = stages
    head = builder.head("classifier.1", Self.featureWidth, classes)
  }
}

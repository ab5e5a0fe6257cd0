import Torch

/// DenseNet-BC with growth rate 32 (Huang et al., CVPR 2017, table 1), under torchvision's names.
struct DenseNet: Architecture {
  static let growth = 32

  /// cat(x, branch(x)) along the channels: normalise, ReLU, 1×1; normalise, ReLU, 3×3.
  struct DenseLayer: Sendable {
    let norm1: BatchNorm2d
    let bottleneck: ConvNorm
    let conv2: Conv2d

    func callAsFunction(_ x: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor {
      let hidden = try bottleneck(norm1(x, context, activation: .relu), context, activation: .relu)
      return try Tensor.cat([x, conv2(hidden, context)], dim: 1)
    }
  }

  /// Normalise, ReLU, 1×1 to half the channels, and the mean of each 2×2.
  struct Transition: Sendable {
    let norm: BatchNorm2d
    let conv: Conv2d

    func callAsFunction(_ x: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor {
      try conv(norm(x, context, activation: .relu), context).avgPool2d(kernelSize: 2, stride: 2)
    }
  }

  let stages: [Stage]
  let head: Linear

  /// The width of the features after blocks of so many layers.
  static func featureWidth(_ layers: [Int]) -> Int {
    layers.dropLast().reduce(64) { ($0 + growth * $1) / 2 } + growth * (layers.last ?? 0)
  }

  init(layers: [Int], classes: Int, builder: inout LayoutBuilder) {
    let stem = builder.convNorm("features.conv0", "features.norm0", 3, 64, kernel: 7, stride: 2)
    var stages = [
      builder.stage { x, context throws(TorchError) in
        try stem(x, context, activation: .relu).maxPool2d(kernelSize: 3, stride: 2, padding: 1)
      }
    ]
    var width = 64
    for (block, count) in layers.enumerated() {
      for layer in 0..<count {
        let name = "features.denseblock\(block + 1).denselayer\(layer + 1)"
        let norm1 = builder.norm("\(name).norm1", width)
        let bottleneck = builder.convNorm("\(name).conv1", "\(name).norm2", width, 4 * Self.growth, kernel: 1)
        let conv2 = builder.conv("\(name).conv2", 4 * Self.growth, Self.growth, kernel: 3)
        let denseLayer = DenseLayer(norm1: norm1, bottleneck: bottleneck, conv2: conv2)
        stages.append(builder.stage { x, context throws(TorchError) in try denseLayer(x, context) })
        width += Self.growth
      }
      if block < layers.count - 1 {
        let name = "features.transition\(block + 1)"
        let norm = builder.norm("\(name).norm", width)
        let transition = Transition(norm: norm, conv: builder.conv("\(name).conv", width, width / 2, kernel: 1))
        stages.append(builder.stage { x, context throws(TorchError) in try transition(x, context) })
        width /= 2
      }
    }
    let last = builder.norm("features.norm5", width)
    stages.append(
      builder.stage { x, context throws(TorchError) in try last(x, context, activation: .relu).mean(dims: [2, 3]) })
    self.stages = stages
    head = builder.head("classifier", width, classes)
  }
}

import Torch

/// ResNet for ImageNet (He et al., CVPR 2016, table 1), under torchvision's names.
struct ResNet: Architecture {
  /// What distinguishes one ResNet from another.
  struct Configuration: Sendable {
    /// Residual blocks per stage; three stages cut the network after `layer3`.
    let blocks: [Int]
    /// Three convolutions per block, the last four times as wide, instead of two.
    let bottleneck: Bool
    /// Whether a bottleneck's stride sits in its first 1×1 convolution, as published, or in the 3×3, as in torchvision.
    var strideInFirst = false

    /// The width of the features.
    var featureWidth: Int { (64 << (blocks.count - 1)) * (bottleneck ? 4 : 1) }
  }

  let stages: [Stage]
  let head: Linear

  init(_ configuration: Configuration, classes: Int, builder: inout LayoutBuilder) {
    let stem = builder.convNorm("conv1", "bn1", 3, 64, kernel: 7, stride: 2)
    var stages = [
      builder.stage { x, context throws(TorchError) in
        try stem(x, context, activation: .relu).maxPool2d(kernelSize: 3, stride: 2, padding: 1)
      }
    ]
    var width = 64
    for (stage, count) in configuration.blocks.enumerated() {
      for index in 0..<count {
        let stride = stage > 0 && index == 0 ? 2 : 1
        let block = Self.block(
          "layer\(stage + 1).\(index)", configuration, inputs: &width, planes: 64 << stage, stride: stride, &builder)
        stages.append(builder.stage { x, context throws(TorchError) in try block(x, context) })
      }
    }
    stages.append(builder.stage { x, _ throws(TorchError) in try x.mean(dims: [2, 3]) })
    self.stages = stages
    head = builder.head("fc", width, classes)
  }

  private static func block(
    _ name: String, _ configuration: Configuration, inputs: inout Int, planes: Int, stride: Int,
    _ builder: inout LayoutBuilder
  ) -> ResidualBlock {
    let kernels = configuration.bottleneck ? [1, 3, 1] : [3, 3]
    let outputs = configuration.bottleneck ? 4 * planes : planes
    let strided = configuration.bottleneck && !configuration.strideInFirst ? 1 : 0
    var branch: [ConvNorm] = []
    for (index, kernel) in kernels.enumerated() {
      branch.append(
        builder.convNorm(
          "\(name).conv\(index + 1)", "\(name).bn\(index + 1)", index == 0 ? inputs : planes,
          index == kernels.count - 1 ? outputs : planes, kernel: kernel, stride: index == strided ? stride : 1))
    }
    var shortcut = Shortcut.identity
    if stride != 1 || inputs != outputs {
      shortcut = .projection(
        builder.convNorm("\(name).downsample.0", "\(name).downsample.1", inputs, outputs, kernel: 1, stride: stride))
    }
    inputs = outputs
    return ResidualBlock(branch: branch, shortcut: shortcut)
  }
}

import Torch

/// ResNet for 32×32 images, 6n + 2 layers (He et al., CVPR 2016, section 4.2), under the names of its PyTorch ports.
///
/// Its shortcuts are the paper's option A, without parameters (ResNet-20 has 0.27 million); as in the ports with a
/// `linear` head, half of the new channels' zeros go before the old ones and half behind.
struct CIFARResNet: Architecture {
  static let featureWidth = 64

  let stages: [Stage]
  let head: Linear

  init(depth: Int, classes: Int, builder: inout LayoutBuilder) {
    let stem = builder.convNorm("conv1", "bn1", 3, 16, kernel: 3)
    var stages = [builder.stage { x, context throws(TorchError) in try stem(x, context, activation: .relu) }]
    var inputs = 16
    for (stage, outputs) in [16, 32, 64].enumerated() {
      for index in 0..<(depth - 2) / 6 {
        let name = "layer\(stage + 1).\(index)"
        let stride = stage > 0 && index == 0 ? 2 : 1
        let first = builder.convNorm("\(name).conv1", "\(name).bn1", inputs, outputs, kernel: 3, stride: stride)
        let second = builder.convNorm("\(name).conv2", "\(name).bn2", outputs, outputs, kernel: 3)
        let shortcut: Shortcut =
          stride == 1 ? .identity : .zeroPadded(stride: stride, channelsEachSide: (outputs - inputs) / 2)
        let block = ResidualBlock(branch: [first, second], shortcut: shortcut)
        stages.append(builder.stage { x, context throws(TorchError) in try block(x, context) })
        inputs = outputs
      }
    }
    stages.append(builder.stage { x, _ throws(TorchError) in try x.mean(dims: [2, 3]) })
    self.stages = stages
    head = builder.head("linear", Self.featureWidth, classes)
  }
}

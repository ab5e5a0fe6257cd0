import Torch

/// ConvNeXt (Liu et al., CVPR 2022, figure 4 and section 3), under torchvision's names.
struct ConvNeXt: Architecture {
  /// What distinguishes one ConvNeXt from another.
  struct Configuration: Sendable {
    /// Blocks per stage.
    let depths: [Int]
    /// Channels per stage.
    let widths: [Int]
    /// With which probability the last block's branch is dropped, where that is asked for; the others' rises linearly
    /// to it.
    let dropProbability: Double
  }

  /// x + scale · branch(x): 7×7 depthwise, normalise, and a perceptron for each pixel with four times the channels.
  struct Block: Sendable {
    let depthwise: Conv2d
    let norm: LayerNorm
    let fc1: Linear
    let fc2: Linear
    let scale: Int
    let depth: StochasticDepth

    func callAsFunction(_ x: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor {
      let hidden = try norm(depthwise(x, context).permute([0, 2, 3, 1]), context)
      let branch = try fc2(fc1(hidden, context).gelu(), context).permute([0, 3, 1, 2])
      return try depth(branch * context.parameters[scale], context) + x
    }
  }

  static let start = Initialization.normal(deviation: 0.02)

  let stages: [Stage]
  let head: Linear

  init(_ configuration: Configuration, classes: Int, builder: inout LayoutBuilder) {
    let widths = configuration.widths
    let stem = builder.conv(
      "features.0.0", 3, widths[0], kernel: 4, stride: 4, padding: .symmetric(0), hasBias: true,
      initialization: Self.start)
    let stemNorm = builder.layerNorm("features.0.1", widths[0])
    var stages = [
      builder.stage { x, context throws(TorchError) in try stemNorm.overChannels(stem(x, context), context) }
    ]
    let count = configuration.depths.reduce(0, +)
    var number = 0
    for (stage, depth) in configuration.depths.enumerated() {
      let name = "features.\(2 * stage + 1)"
      if stage > 0 {
        let norm = builder.layerNorm("features.\(2 * stage).0", widths[stage - 1])
        let conv = builder.conv(
          "features.\(2 * stage).1", widths[stage - 1], widths[stage], kernel: 2, stride: 2, padding: .symmetric(0),
          hasBias: true, initialization: Self.start)
        stages.append(
          builder.stage { x, context throws(TorchError) in try conv(norm.overChannels(x, context), context) })
      }
      for index in 0..<depth {
        let probability = configuration.dropProbability * Double(number) / Double(count - 1)
        let block = Self.block("\(name).\(index)", widths[stage], StochasticDepth(number, probability), &builder)
        stages.append(builder.stage { x, context throws(TorchError) in try block(x, context) })
        number += 1
      }
    }
    let width = widths[widths.count - 1]
    let norm = builder.layerNorm("classifier.0", width)
    stages.append(builder.stage { x, context throws(TorchError) in try norm(x.mean(dims: [2, 3]), context) })
    self.stages = stages
    head = builder.head("classifier.2", width, classes)
  }

  private static func block(
    _ name: String, _ width: Int, _ depth: StochasticDepth, _ builder: inout LayoutBuilder
  ) -> Block {
    // The scale is first in the state dict: PyTorch lists a module's own parameters before its layers'.
    let scale = builder.parameter("\(name).layer_scale", [width, 1, 1], initialization: .constant(1e-6))
    let depthwise = builder.conv(
      "\(name).block.0", width, width, kernel: 7, groups: width, hasBias: true, initialization: start)
    let norm = builder.layerNorm("\(name).block.2", width)
    let fc1 = builder.linear("\(name).block.3", width, 4 * width, initialization: start)
    let fc2 = builder.linear("\(name).block.5", 4 * width, width, initialization: start)
    return Block(
      depthwise: depthwise, norm: norm, fc1: fc1, fc2: fc2, scale: scale,
      depth: depth.behind(builder.parameterCount))
  }
}

import Torch

/// Collects the names and shapes of a network's parameters and buffers while its layers are made.
struct LayoutBuilder {
  /// How convolutions start.
  var fan = Initialization.Fan.output
  /// The ε of every normalisation layer.
  var eps = 1e-5
  /// The side of the images, in pixels, for architectures with a parameter per position.
  var imageSize = 224
  /// The tokens that a network of texts has embeddings of.
  var vocabularySize = Backbone.publishedVocabularySize

  private var parameters: [(name: String, shape: [Int], group: ParameterGroup, initialization: Initialization)] = []
  private var buffers: [BufferSlice] = []

  /// The layouts of what was added so far.
  ///
  /// Layers hold indices, so a head is added last.
  var layouts: (parameters: ParameterLayout, buffers: BufferLayout) {
    (ParameterLayout(parameters), BufferLayout(slices: buffers))
  }

  /// How many parameters were added so far.
  var parameterCount: Int { parameters.count }

  /// A stage of what was added since the last one.
  func stage(_ apply: @escaping @Sendable (Tensor, ForwardContext) throws(TorchError) -> Tensor) -> Stage {
    Stage(parameterCount: parameters.count, apply: apply)
  }

  /// A convolution `name` of a square kernel, by default padded so that stride 1 keeps the side, and without a bias.
  mutating func conv(
    _ name: String, _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Padding? = nil,
    groups: Int = 1, hasBias: Bool = false, initialization: Initialization? = nil
  ) -> Conv2d {
    let shape = [outputs, inputs / groups, kernel, kernel]
    let weight = add("\(name).weight", shape, .backbone, initialization ?? .heNormal(fan))
    let bias = hasBias ? add("\(name).bias", [outputs], .backbone, .zeros) : nil
    return Conv2d(
      weight: weight, bias: bias, kernelSize: kernel, stride: stride, padding: padding ?? .symmetric(kernel / 2),
      groups: groups)
  }

  /// A linear layer `name`, by default with a bias that starts at zero.
  mutating func linear(
    _ name: String, _ inputs: Int, _ outputs: Int, initialization: Initialization, bias: Initialization = .zeros
  ) -> Linear {
    Linear(
      weight: add("\(name).weight", [outputs, inputs], .backbone, initialization),
      bias: add("\(name).bias", [outputs], .backbone, bias))
  }

  /// A LayerNorm layer `name` over `channels`.
  mutating func layerNorm(_ name: String, _ channels: Int) -> LayerNorm {
    LayerNorm(
      weight: add("\(name).weight", [channels], .backbone, .ones),
      bias: add("\(name).bias", [channels], .backbone, .zeros), eps: eps)
  }

  /// A parameter of the backbone that belongs to no layer: its index.
  mutating func parameter(_ name: String, _ shape: [Int], initialization: Initialization) -> Int {
    add(name, shape, .backbone, initialization)
  }

  /// A BatchNorm layer `name` over `channels`.
  mutating func norm(_ name: String, _ channels: Int) -> BatchNorm2d {
    let weight = add("\(name).weight", [channels], .backbone, .ones)
    let bias = add("\(name).bias", [channels], .backbone, .zeros)
    buffers.append(BufferSlice(name: "\(name).running_mean", shape: [channels], initialValue: 0))
    buffers.append(BufferSlice(name: "\(name).running_var", shape: [channels], initialValue: 1))
    return BatchNorm2d(
      weight: weight, bias: bias, runningMean: buffers.count - 2, runningVar: buffers.count - 1, eps: eps)
  }

  /// A convolution and its BatchNorm layer.
  mutating func convNorm(
    _ convName: String, _ normName: String, _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1,
    padding: Padding? = nil, groups: Int = 1
  ) -> ConvNorm {
    let conv = conv(convName, inputs, outputs, kernel: kernel, stride: stride, padding: padding, groups: groups)
    return ConvNorm(conv: conv, norm: norm(normName, outputs))
  }

  /// The classification head `name`.
  mutating func head(_ name: String, _ inputs: Int, _ classes: Int) -> Linear {
    let weight = add("\(name).weight", [classes, inputs], .head, .uniform(fanIn: inputs))
    let bias = add("\(name).bias", [classes], .head, .uniform(fanIn: inputs))
    return Linear(weight: weight, bias: bias)
  }

  private mutating func add(
    _ name: String, _ shape: [Int], _ group: ParameterGroup, _ initialization: Initialization
  ) -> Int {
    parameters.append((name, shape, group, initialization))
    return parameters.count - 1
  }
}

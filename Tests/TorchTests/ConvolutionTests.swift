import Testing

import Torch

/// Convolutions in bfloat16 and float32 against float64, those that take a way back of our own among them.
@Suite struct ConvolutionTests {
  /// A convolution of as many outputs as inputs.
  struct Layer: CustomTestStringConvertible, Sendable {
    var channels: Int
    var kernel: Int
    var stride: Int
    var groups: Int
    var hasBias: Bool
    var testDescription: String {
      "\(channels) channels in \(groups) groups, \(kernel)×\(kernel), stride \(stride)\(hasBias ? ", bias" : "")"
    }
  }

  /// Depthwise ones, among them channels that fill no vector, and those beside them.
  static let layers = [1, 2].flatMap { stride in
    [3, 5, 7].flatMap { kernel in
      [(32, 32), (24, 24), (7, 7), (32, 4), (16, 1)].flatMap { channels, groups in
        [false, true].map {
          Layer(channels: channels, kernel: kernel, stride: stride, groups: groups, hasBias: $0)
        }
      }
    }
  }

  /// The output, and the gradients of input, weight and bias.
  static func run(
    _ layer: Layer, dtype: DType, weights weightType: DType? = nil, frozenInput: Bool = false
  ) throws -> [[Float]] {
    let weightType = weightType ?? dtype
    let x = try BatchNormTests.channelsLast([2, layer.channels, 9, 11], 1, dtype: dtype)
    if frozenInput { try x.setRequiresGrad(false) }
    let shape = [layer.channels, layer.channels / layer.groups, layer.kernel, layer.kernel]
    let weight = try BatchNormTests.values(shape, 2, dtype: weightType)
    let bias = try BatchNormTests.values([layer.channels], 3, dtype: weightType)
    try weight.setRequiresGrad(true)
    try bias.setRequiresGrad(true)
    let y = try x.conv2d(
      weight, bias: layer.hasBias ? bias : nil, stride: layer.stride, padding: layer.kernel / 2, groups: layer.groups)
    try (y * BatchNormTests.values(y.shape, 4, dtype: dtype)).sum().backward()
    #expect(y.dtype == dtype)
    let leaves = (frozenInput ? [] : [x]) + [weight] + (layer.hasBias ? [bias] : [])
    let gradients = try leaves.map { leaf in
      let gradient = try #require(try leaf.grad())
      #expect(gradient.dtype == leaf.dtype && gradient.shape == leaf.shape)
      return try gradient.to(dtype: .float32).contiguous().floats()
    }
    return try [y.detach().to(dtype: .float32).contiguous().floats()] + gradients
  }

  /// Inputs, weights and the product's factors are exact in both types; what is rounded is each result, and the
  /// gradient of the output.
  @Test(arguments: layers, [(DType.bfloat16, Float(5e-3)), (.float32, 2e-6)])
  func agreesWithFloat64(_ layer: Layer, _ type: (dtype: DType, tolerance: Float)) throws {
    let found = try Self.run(layer, dtype: type.dtype)
    let expected = try Self.run(layer, dtype: .float64)
    #expect(found.count == expected.count)
    for (found, expected) in zip(found, expected) {
      #expect(BatchNormTests.distance(found, expected) < type.tolerance)
    }
  }

  /// A weight that is read in float32 between activations in bfloat16.
  @Test(arguments: layers) func aWeightOfMorePrecisionAgreesWithFloat64(_ layer: Layer) throws {
    let found = try Self.run(layer, dtype: .bfloat16, weights: .float32)
    let expected = try Self.run(layer, dtype: .float64)
    #expect(found.count == expected.count)
    for (found, expected) in zip(found, expected) { #expect(BatchNormTests.distance(found, expected) < 5e-3) }
  }

  /// Noise that bfloat16 would round away from a weight passes.
  @Test func aWeightsNoiseReachesAnOutputInBFloat16() throws {
    let noise: Float = 0x1p-12
    let x = try Tensor([1, -1] as [Float], shape: [1, 2, 1, 1]).to(dtype: .bfloat16)
    let weight = try Tensor([1 + noise, 1] as [Float], shape: [1, 2, 1, 1])
    #expect(try x.conv2d(weight).to(dtype: .float32).floats() == [noise])
    #expect(try x.conv2d(weight.to(dtype: .bfloat16)).to(dtype: .float32).floats() == [0])
  }

  /// The first layer behind a frozen part sends nothing back.
  @Test(arguments: layers.filter { $0.groups == $0.channels })
  func aFrozenInputGetsNoGradient(_ layer: Layer) throws {
    let found = try Self.run(layer, dtype: .bfloat16, frozenInput: true)
    #expect(found == (try Self.run(layer, dtype: .bfloat16)).enumerated().filter { $0.offset != 1 }.map(\.element))
  }
}

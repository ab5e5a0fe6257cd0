import Backbones
import Testing

@Suite struct InitializationTests {
  private func moments(_ values: [Float]) -> (mean: Double, deviation: Double, fourth: Double) {
    let mean = values.reduce(0.0) { $0 + Double($1) } / Double(values.count)
    let centred = values.map { Double($0) - mean }
    let variance = centred.reduce(0) { $0 + $1 * $1 } / Double(values.count)
    let fourth = centred.reduce(0) { $0 + $1 * $1 * $1 * $1 } / Double(values.count)
    return (mean, variance.squareRoot(), fourth / (variance * variance))
  }

  private func value(_ network: Network, _ name: String, seed: UInt64 = 1) throws -> [Float] {
    let index = try #require(network.layout.slices.firstIndex { $0.name == name })
    return network.initialState(seed: seed).parameters[index]
  }

  /// Deviations written out by hand: √(2 / (O·9)) for torchvision's ResNet, √(2 / I) for its DenseNet's 1×1.
  @Test(arguments: [
    ("resnet18", "layer4.1.conv2.weight", 0.020833333), ("resnet18", "layer2.0.conv1.weight", 0.041666667),
    ("densenet121", "features.denseblock4.denselayer16.conv1.weight", 0.044901326),
    ("mobilenet_v2", "features.18.0.weight", 0.039528471),
  ]) func convolutionsAreHeNormal(model: String, name: String, deviation: Double) throws {
    let values = try value(Backbone.named(model).makeNetwork(classes: 2), name)
    let found = moments(values)
    let standardError = 1 / Double(values.count).squareRoot()
    #expect(abs(found.mean) < 5 * standardError * deviation)
    #expect(abs(found.deviation / deviation - 1) < 5 * standardError)
    #expect(abs(found.fourth - 3) < 5 * 5 * standardError, "a normal's kurtosis is 3")
  }

  /// Deviations written out by hand: √(1 / 768) of a patch's pixels, 0.02, 1e-6, and √(2 / (inputs + outputs)).
  @Test(arguments: [
    ("vit_s_16", "conv_proj.weight", 0.036084392, 3.0), ("vit_s_16", "encoder.pos_embedding", 0.02, 3),
    ("vit_s_16", "encoder.layers.encoder_layer_3.mlp.0.bias", 1e-6, 3),
    ("vit_s_16", "encoder.layers.encoder_layer_3.mlp.3.weight", 0.032274861, 1.8),
    ("vit_s_16", "encoder.layers.encoder_layer_3.self_attention.in_proj_weight", 0.036084392, 1.8),
    ("vit_s_16", "encoder.layers.encoder_layer_3.self_attention.out_proj.weight", 0.029462783, 1.8),
    ("convnext_atto", "features.5.3.block.3.weight", 0.02, 3), ("convnext_atto", "features.0.0.weight", 0.02, 3),
    ("efficientnet_b0", "features.6.1.block.1.0.weight", 0.0081649658, 3),
  ]) func layersStartAsTorchvisions(model: String, name: String, deviation: Double, kurtosis: Double) throws {
    let values = try value(Backbone.named(model).makeNetwork(classes: 2), name)
    let found = moments(values)
    let standardError = 1 / Double(values.count).squareRoot()
    #expect(abs(found.mean) < 5 * standardError * deviation)
    #expect(abs(found.deviation / deviation - 1) < 5 * standardError)
    #expect(abs(found.fourth - kurtosis) < 5 * 5 * standardError)
  }

  @Test(arguments: [
    ("vit_s_16", "class_token", Float(0)),
    ("vit_s_16", "encoder.layers.encoder_layer_0.self_attention.in_proj_bias", 0),
    ("vit_s_16", "encoder.ln.weight", 1), ("convnext_atto", "features.1.1.layer_scale", 1e-6),
    ("convnext_atto", "features.2.1.bias", 0), ("efficientnet_b0", "features.2.0.block.2.fc1.bias", 0),
  ]) func constantsStartAsTorchvisions(model: String, name: String, constant: Float) throws {
    #expect(try value(Backbone.named(model).makeNetwork(classes: 2), name).allSatisfy { $0 == constant })
  }

  @Test func headIsUniformInOneOverRootFanIn() throws {
    let network = try Backbone.named("resnet50").makeNetwork(classes: 50)
    let values = try value(network, "fc.weight")
    let bound = 1 / Double(2048).squareRoot()
    #expect(values.allSatisfy { abs(Double($0)) <= bound })
    #expect(abs(moments(values).deviation / (bound / 3.0.squareRoot()) - 1) < 0.01)
    #expect(try value(network, "fc.bias").allSatisfy { abs(Double($0)) <= bound && $0 != 0 })
  }

  @Test func normalisationStartsAsTheIdentity() throws {
    let network = try Backbone.named("resnet20").makeNetwork(classes: 2)
    #expect(try value(network, "bn1.weight").allSatisfy { $0 == 1 })
    #expect(try value(network, "bn1.bias").allSatisfy { $0 == 0 })
    let state = network.initialState(seed: 1)
    for (slice, values) in zip(network.buffers.slices, state.buffers) {
      #expect(values == [Float](repeating: slice.name.hasSuffix("running_var") ? 1 : 0, count: slice.shape[0]))
    }
  }

  @Test func seedAndNameDecide() throws {
    let network = try Backbone.named("resnet20").makeNetwork(classes: 2)
    #expect(network.initialState(seed: 1) == network.initialState(seed: 1))
    #expect(try value(network, "conv1.weight", seed: 1) != value(network, "conv1.weight", seed: 2))
    #expect(
      try value(network, "layer1.0.conv1.weight") != value(network, "layer1.0.conv2.weight"), "same shape, other name")
  }
}

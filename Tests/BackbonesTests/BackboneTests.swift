import Backbones
import Testing
import Torch

@Suite struct BackboneTests {
  /// Totals with 1000 classes as torchvision's documentation has them (`num_params`).
  ///
  /// CIFAR ones with 10, counted by
  /// PyTorch on the models of Tests/golden/models.py, as are the two variants. vit_ti_16, vit_s_16 and convnext_atto
  /// have timm's counts of its models of these sizes.
  @Test(arguments: [
    ("resnet18", 11_689_512), ("resnet34", 21_797_672), ("resnet50", 25_557_032), ("resnet101", 44_549_160),
    ("resnet152", 60_192_808), ("mobilenet_v2", 3_504_872), ("tf_mobilenet_v2", 3_504_872), ("densenet121", 7_978_856),
    ("densenet169", 14_149_480), ("densenet201", 20_013_928),
    ("vit_b_16", 86_567_656), ("vit_b_32", 88_224_232), ("vit_l_16", 304_326_632), ("vit_l_32", 306_535_400),
    ("vit_ti_16", 5_717_416), ("vit_s_16", 22_050_664), ("convnext_tiny", 28_589_128), ("convnext_small", 50_223_688),
    ("convnext_base", 88_591_464), ("convnext_atto", 3_695_520), ("efficientnet_b0", 5_288_548),
    ("tf_efficientnet_b0", 5_288_548),
  ]) func publishedParameterCounts(name: String, count: Int) throws {
    #expect(try Backbone.named(name).makeNetwork(classes: 1000).layout.count == count)
  }

  @Test(arguments: [("resnet20", 269_722), ("resnet32", 464_154), ("resnet44", 658_586), ("resnet56", 853_018)])
  func cifarParameterCounts(name: String, count: Int) throws {
    #expect(try Backbone.named(name).makeNetwork(classes: 10).layout.count == count)
  }

  /// `data/README.md` of the shared weights states the trainable numbers of the backbones.
  @Test(arguments: [("resnet50_layer3", 8_543_296), ("tf_mobilenet_v2", 2_223_872), ("densenet169", 12_484_480)])
  func backboneParameterCounts(name: String, count: Int) throws {
    #expect(try Backbone.named(name).parameterCount == count)
  }

  @Test(arguments: [
    ("resnet18", 512), ("resnet50", 2048), ("resnet50_layer3", 1024), ("mobilenet_v2", 1280), ("densenet121", 1024),
    ("densenet169", 1664), ("densenet201", 1920), ("resnet20", 64), ("vit_ti_16", 192), ("vit_l_32", 1024),
    ("convnext_tiny", 768),
    ("efficientnet_b0", 1280),
  ]) func featureWidths(name: String, width: Int) throws {
    let backbone = try Backbone.named(name)
    #expect(backbone.featureWidth == width)
    #expect(backbone.makeNetwork(classes: 3).layout.slices.suffix(2).map(\.shape) == [[3, width], [3]])
  }

  /// SWAG's ViT-B/16 at 384 pixels (torchvision's documentation).
  @Test func theGridOfPositionsFollowsTheSize() throws {
    let backbone = try Backbone.named("vit_b_16")
    #expect(backbone.makeNetwork(classes: 1000, size: 384).layout.count == 86_859_496)
    for (size, tokens) in [(16, 2), (64, 17), (224, 197)] {
      let layout = try Backbone.named("vit_ti_16").makeNetwork(classes: 3, size: size).layout
      #expect(layout.slices.first { $0.name == "encoder.pos_embedding" }?.shape == [1, tokens, 192])
    }
    // Of no other architecture anything depends on it.
    let resNet = try Backbone.named("resnet18")
    #expect(resNet.makeNetwork(classes: 3, size: 64).layout == resNet.makeNetwork(classes: 3).layout)
  }

  @Test func namesAreUnique() {
    #expect(Set(Backbone.all.map(\.name)).count == Backbone.all.count)
  }

  @Test func unknownNameTellsTheNearest() throws {
    let error = try #require(throws: UnknownBackbone.self) { try Backbone.named("ResNet-50") }
    #expect(error.nearest.first == "resnet50")
    #expect(error.description.contains("ResNet-50") && error.description.contains("gridless models"))
    #expect(throws: UnknownBackbone.self) { try Backbone.named("") }
  }

  @Test func sameWordsSameFunction() throws {
    // Where TensorFlow's padding is symmetric (sides 32k + 1), both MobileNets are one function.
    let plain = try Backbone.named("mobilenet_v2").makeNetwork(classes: 3)
    let tensorFlow = try Backbone.named("tf_mobilenet_v2").makeNetwork(classes: 3)
    #expect(plain.layout == tensorFlow.layout && plain.buffers == tensorFlow.buffers)
    let state = plain.initialState(seed: 4)
    let flat = try Tensor(plain.layout.vector(state.parameters), shape: [plain.layout.paddedCount])
    for (side, equal) in [(33, true), (64, false)] {
      let context = ForwardContext(
        parameters: try plain.layout.views(of: flat), buffers: try plain.buffers.tensors(state.buffers),
        mode: .training())
      let x = try Tensor((0..<2 * 3 * side * side).map { Float($0 % 17) / 17 }, shape: [2, 3, side, side])
      let difference = try (plain(x, context) - tensorFlow(x, context)).floats()
      #expect(difference.allSatisfy { abs($0) < 1e-5 } == equal)
    }
  }
}

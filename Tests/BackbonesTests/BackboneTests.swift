import Backbones
import Testing
import Torch

@Suite struct BackboneTests {
  /// Totals with 1000 classes as torchvision's documentation has them (`num_params`); CIFAR ones with 10, counted by
  /// PyTorch on the models of Tests/golden/models.py, as are the two variants.
  @Test(arguments: [
    ("resnet18", 11_689_512), ("resnet34", 21_797_672), ("resnet50", 25_557_032), ("resnet101", 44_549_160),
    ("resnet152", 60_192_808), ("mobilenet_v2", 3_504_872), ("tf_mobilenet_v2", 3_504_872), ("densenet121", 7_978_856),
    ("densenet169", 14_149_480), ("densenet201", 20_013_928),
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
    ("densenet169", 1664), ("densenet201", 1920), ("resnet20", 64),
  ]) func featureWidths(name: String, width: Int) throws {
    let backbone = try Backbone.named(name)
    #expect(backbone.featureWidth == width)
    #expect(backbone.makeNetwork(classes: 3).layout.slices.suffix(2).map(\.shape) == [[3, width], [3]])
  }

  @Test(arguments: Backbone.all) func depthwiseConvolutionsAreMobileNets(_ backbone: Backbone) {
    let names = ["mobilenet", "efficientnet", "convnext"]
    #expect(backbone.hasDepthwiseConvolutions == names.contains { backbone.name.contains($0) })
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
        mode: .training(momentum: 0.1))
      let x = try Tensor((0..<2 * 3 * side * side).map { Float($0 % 17) / 17 }, shape: [2, 3, side, side])
      let difference = try (plain(x, context) - tensorFlow(x, context)).floats()
      #expect(difference.allSatisfy { abs($0) < 1e-5 } == equal)
    }
  }
}

import Backbones
import Foundation
import TestSupport
import Testing
import Torch

@Suite struct TrainedPartTests {
  @Test(arguments: [TrainedPart.all, .head, .from("layer3.0"), .from("features.7")])
  func textIsReadBack(part: TrainedPart) throws {
    #expect(TrainedPart(part.description) == part)
    let json = try JSONEncoder().encode([part])
    #expect(String(decoding: json, as: UTF8.self) == "[\"\(part)\"]")
    #expect(try JSONDecoder().decode([TrainedPart].self, from: json) == [part])
  }

  @Test(arguments: ["", "tail", "from:", "from", "layer4"]) func otherTextIsRefused(text: String) {
    #expect(TrainedPart(text) == nil)
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode([TrainedPart].self, from: Data("[\"\(text)\"]".utf8))
    }
  }

  /// Counted by hand from the architectures' tables: the trained part of the backbone, without the head.
  @Test(arguments: [
    ("resnet18", TrainedPart.all, 11_176_512), ("resnet18", .head, 0), ("resnet18", .from("fc"), 0),
    // 3×3: 256·512 + 3·512², 1×1: 256·512, five norms of 512.
    ("resnet18", .from("layer4"), 9 * 256 * 512 + 27 * 512 * 512 + 256 * 512 + 10 * 512),
    // Behind layer4.0.conv1 and bn1 stand conv2, bn2, the shortcut and the second block.
    ("resnet18", .from("layer4.0.conv2"), 27 * 512 * 512 + 256 * 512 + 8 * 512),
    ("resnet18", .from("conv1"), 11_176_512),
    ("mobilenet_v2", .from("features.18"), 320 * 1280 + 2 * 1280),
    ("densenet121", .from("features.norm5"), 2 * 1024),
    ("resnet20", .from("layer3.2"), 2 * (9 * 64 * 64 + 2 * 64)),
    // A block of width d: four norms' vectors, 4d² + 4d of attention, 8d² + 5d of the perceptron; then the last norm.
    ("vit_ti_16", .from("encoder.layers.encoder_layer_11"), 12 * 192 * 192 + 13 * 192 + 2 * 192),
    ("vit_ti_16", .from("encoder.ln"), 2 * 192),
    // Two blocks of width d: 49d of the filters, 8d² of the perceptron, 9d vectors; then the last norm.
    ("convnext_atto", .from("features.7"), 2 * (8 * 320 * 320 + (49 + 9) * 320) + 2 * 320),
    ("efficientnet_b0", .from("features.8"), 320 * 1280 + 2 * 1280),
  ]) func countsAreOfWhatIsTrained(name: String, part: TrainedPart, count: Int) throws {
    let backbone = try Backbone.named(name)
    let layout = try backbone.makeNetwork(classes: 7, training: part).layout
    #expect(layout.backboneCount == count)
    #expect(layout.headCount == 7 * (backbone.featureWidth + 1))
    #expect(layout.count == layout.backboneCount + layout.headCount)
    #expect(layout.frozenCount == backbone.parameterCount - count)
    #expect(layout.totalCount == backbone.makeNetwork(classes: 7).layout.count)
  }

  /// What is frozen lies first, and nothing else moves: neither in the vector nor in ε's order.
  @Test(arguments: [("resnet18", "layer3.1"), ("mobilenet_v2", "features.7"), ("densenet121", "features.denseblock4")])
  func freezingMovesNothing(name: String, layer: String) throws {
    let whole = try Backbone.named(name).makeNetwork(classes: 5)
    let part = try Backbone.named(name).makeNetwork(classes: 5, training: .from(layer))
    for (a, b) in zip(whole.layout.slices, part.layout.slices) {
      #expect(a.name == b.name && a.shape == b.shape && a.initialization == b.initialization)
      #expect(a.offset == b.offset && a.logicalOffset == b.logicalOffset)
    }
    let layout = part.layout
    let first = layout.slices[layout.frozenSliceCount]
    #expect(first.name.hasPrefix(layer + "."))
    #expect(layout.slices.prefix(layout.frozenSliceCount).allSatisfy { !$0.name.hasPrefix(layer + ".") })
    #expect(layout.frozenRange == 0..<first.offset)
    #expect(layout.frozenRange.upperBound == layout.backboneRange.lowerBound)
    #expect(layout.backboneRange.upperBound == layout.headRange.lowerBound)
    #expect(layout.headRange == whole.layout.headRange && layout.paddedCount == whole.layout.paddedCount)
    for slice in layout.slices {
      let range =
        switch slice.group {
        case .frozen: layout.frozenRange
        case .backbone: layout.backboneRange
        case .head: layout.headRange
        }
      #expect(range.contains(slice.offset))
    }
  }

  @Test func anUnknownLayerTellsWhatThereIs() throws {
    let backbone = try Backbone.named("resnet18")
    let error = try #require(throws: UnknownLayer.self) {
      try backbone.makeNetwork(classes: 2, training: .from("layer5"))
    }
    #expect(error.nearest == ["layer1", "layer2", "layer3"])
    #expect(error.available == ["conv1", "bn1", "layer1", "layer2", "layer3", "layer4", "fc"])
    #expect(error.description.contains("train from:layer5: resnet18 has no such layer"))
    // A part of a name, a parameter, and the name of another architecture are no layers.
    for layer in ["layer", "layer4.0.conv1.weight", "features.7", "layer4."] {
      #expect(throws: UnknownLayer.self) { try backbone.makeNetwork(classes: 2, training: .from(layer)) }
    }
    let mobileNet = try Backbone.named("mobilenet_v2")
    let other = try #require(throws: UnknownLayer.self) {
      try mobileNet.makeNetwork(classes: 2, training: .from("features.19"))
    }
    #expect(other.available == (0...18).map { "features.\($0)" } + ["classifier.1"])
    let transformer = try Backbone.named("vit_ti_16")
    let third = try #require(throws: UnknownLayer.self) {
      try transformer.makeNetwork(classes: 2, training: .from("encoder.layers.encoder_layer_12"))
    }
    #expect(
      third.available
        == ["conv_proj", "encoder"] + (0...11).map { "encoder.layers.encoder_layer_\($0)" }
        + ["encoder.ln", "heads.head"])
  }

  private func state(_ network: Network) throws -> (parameters: [Tensor], buffers: [Tensor]) {
    let layout = network.layout
    let values: [Float] = layout.vector(layout.slices.map { Formula.state($0.name, shape: $0.shape).map(Float.init) })
    let parameters = try layout.views(of: Tensor(values, shape: [values.count]))
    let buffers = try network.buffers.slices.map {
      try Tensor(Formula.state($0.name, shape: $0.shape), shape: $0.shape).to(dtype: .float32)
    }
    return (parameters, buffers)
  }

  private static let parts = [
    ("resnet18", TrainedPart.from("layer3"), 5), ("resnet18", .from("layer3.0.conv2"), 5), ("resnet18", .head, 10),
    ("resnet20", .from("layer2.1"), 5), ("mobilenet_v2", .from("features.18"), 18), ("mobilenet_v2", .head, 19),
    ("densenet121", .from("features.transition1"), 7), ("densenet121", .head, 63), ("resnet18", .all, 0),
    ("vit_ti_16", .from("encoder"), 1), ("vit_ti_16", .from("encoder.layers.encoder_layer_6"), 8),
    ("vit_ti_16", .head, 15), ("convnext_atto", .from("features.5"), 7), ("efficientnet_b0", .from("features.4.1"), 7),
  ]

  /// The two halves make the whole, in both modes; in training the frozen statistics stay, and are what is used.
  @Test(arguments: parts) func frozenStagesAreAFixedFunction(name: String, part: TrainedPart, stages: Int) throws {
    let network = try Backbone.named(name).makeNetwork(classes: 3, size: 32, training: part)
    #expect(network.frozenStageCount == stages)
    let images = try Tensor(Formula.uniform("input", count: 2 * 3 * 32 * 32, -1, 1), shape: [2, 3, 32, 32])
      .to(dtype: .float32)
    for mode in [ForwardContext.Mode.evaluation, .training()] {
      let (parameters, buffers) = try state(network)
      let context = ForwardContext(parameters: parameters, buffers: buffers, mode: mode)
      let features = try network.frozenFeatures(images, context)
      let evaluated = try network.frozenFeatures(
        images, ForwardContext(parameters: parameters, buffers: buffers, mode: .evaluation))
      #expect(try features.floats() == evaluated.floats())
      let halves = try network(features, context, from: stages).floats()
      let before = try state(network)
      let whole = try network(
        images, ForwardContext(parameters: before.parameters, buffers: before.buffers, mode: mode)
      ).floats()
      #expect(halves == whole)
      let frozen = network.buffers.frozenSliceCount
      for (index, (slice, buffer)) in zip(network.buffers.slices, buffers).enumerated() {
        let isFrozen = network.layout.slices.contains {
          $0.group == .frozen && $0.name == slice.name.replacing(/running_(mean|var)$/, with: "weight")
        }
        #expect(isFrozen == (index < frozen))
        let stays = try buffer.floats() == Formula.state(slice.name, shape: slice.shape).map(Float.init)
        #expect(stays == (isFrozen || mode == .evaluation), "\(slice.name)")
      }
    }
  }
}

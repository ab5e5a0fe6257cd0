import Backbones
import Foundation
import TestSupport
import Testing
import Weights

@Suite struct StateDictTests {
  private func temporaryFile(_ arrays: [NamedArray], _ body: (SafetensorsFile) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("gridless-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("weights.safetensors").path
    try Safetensors.write(arrays, to: path)
    try body(SafetensorsFile(path: path))
  }

  @Test(arguments: ["resnet20", "mobilenet_v2", "vit_ti_16", "convnext_atto", "efficientnet_b0"])
  func writtenStateIsReadBack(name: String) throws {
    let network = try Backbone.named(name).makeNetwork(classes: 4)
    let state = network.initialState(seed: 3)
    try temporaryFile(network.namedArrays(state)) { file in
      #expect(try network.loadStateDict(file, head: .checkpoint) == state)
      let refreshed = try network.loadStateDict(file, head: .fresh(seed: 8))
      #expect(refreshed.parameters.dropLast(2) == state.parameters.dropLast(2))
      #expect(refreshed.parameters.suffix(2) == network.initialState(seed: 8).parameters.suffix(2))
      #expect(refreshed.parameters.suffix(2) != state.parameters.suffix(2))
    }
  }

  @Test func aVarianceBelowZeroIsRefused() throws {
    let network = try Backbone.named("resnet20").makeNetwork(classes: 4)
    var state = network.initialState(seed: 1)
    let place = try #require(network.buffers.slices.firstIndex { $0.name == "layer1.0.bn1.running_var" })
    state.buffers[place][3] = -1e-3
    try temporaryFile(network.namedArrays(state)) { file in
      #expect(
        throws: StateDictError.negativeVariance(
          file: file.path, name: "layer1.0.bn1.running_var", index: 3, value: "-0.001")
      ) { try network.loadStateDict(file, head: .fresh(seed: 1)) }
    }
  }

  @Test func savedNamesAreTorchvisions() throws {
    let network = try Backbone.named("resnet18").makeNetwork(classes: 4)
    let names = Set(network.namedArrays(network.initialState(seed: 0)).map(\.name))
    #expect(names.count == 122)  // len(torchvision.models.resnet18().state_dict())
    for name in ["conv1.weight", "bn1.running_var", "layer2.0.downsample.1.num_batches_tracked", "fc.bias"] {
      #expect(names.contains(name))
    }
  }

  @Test func anotherHeadIsReplacedButNotLoaded() throws {
    let (four, nine) = (
      try Backbone.named("resnet20").makeNetwork(classes: 4), try Backbone.named("resnet20").makeNetwork(classes: 9)
    )
    try temporaryFile(four.namedArrays(four.initialState(seed: 1))) { file in
      #expect(try nine.loadStateDict(file, head: .fresh(seed: 1)).parameters.last?.count == 9)
      let error = try #require(throws: CheckpointMismatch.self) { try nine.loadStateDict(file, head: .checkpoint) }
      #expect(error.wrongShape.map(\.name) == ["linear.weight", "linear.bias"])
    }
  }

  @Test func anotherArchitectureGivesThreeLists() throws {
    let resnet18 = try Backbone.named("resnet18").makeNetwork(classes: 4)
    let resnet50 = try Backbone.named("resnet50").makeNetwork(classes: 4)
    try temporaryFile(resnet18.namedArrays(resnet18.initialState(seed: 1))) { file in
      let error = try #require(throws: CheckpointMismatch.self) {
        try resnet50.loadStateDict(file, head: .fresh(seed: 1))
      }
      #expect(error.missing.contains("layer1.0.conv3.weight"))
      #expect(error.unexpected.isEmpty, "a ResNet-18 has no name that a ResNet-50 lacks")
      #expect(error.wrongShape.contains { $0.name == "layer1.0.conv1.weight" && $0.expected == [64, 64, 1, 1] })
      #expect(error.file == file.path)
      let reverse = try Backbone.named("mobilenet_v2").makeNetwork(classes: 4)
      let other = try #require(throws: CheckpointMismatch.self) {
        try reverse.loadStateDict(file, head: .fresh(seed: 1))
      }
      #expect(other.missing.contains("features.0.0.weight") && other.unexpected.contains("conv1.weight"))
      // resnet18's own head is no head of MobileNetV2: it is unexpected like the rest.
      #expect(other.unexpected.contains("fc.weight"))
    }
  }

  @Test(arguments: [("layer1.0.conv1.weight", Float.nan), ("bn1.running_var", Float.infinity)])
  func valuesThatAreNotFiniteAreRefused(name: String, value: Float) throws {
    let network = try Backbone.named("resnet20").makeNetwork(classes: 4)
    var arrays = network.namedArrays(network.initialState(seed: 1))
    let index = try #require(arrays.firstIndex { $0.name == name })
    let shape = arrays[index].shape
    var values = [Float](repeating: 1, count: shape.reduce(1, *))
    values[5] = value
    arrays[index] = NamedArray(name: name, shape: shape, values)
    try temporaryFile(arrays) { file in
      let error = try #require(throws: StateDictError.self) { try network.loadStateDict(file, head: .checkpoint) }
      #expect(error == .notFinite(file: file.path, name: name, index: 5, value: "\(value)"))
      #expect(error.description.contains(name) && error.description.contains(file.path))
    }
  }

  @Test(
    "Shared weights load", .enabled(if: Shared.root != nil, "no ../shared"),
    arguments: [
      ("densenet169", "densenet169_imagenet"), ("resnet50_layer3", "resnet50_layer3_imagenet"),
      ("tf_mobilenet_v2", "mobilenet_v2_imagenet"),
    ])
  func sharedWeightsLoad(name: String, file: String) throws {
    let path = try #require(Shared.path("data/weights/\(file).safetensors"))
    let network = try Backbone.named(name).makeNetwork(classes: 89)
    let weights = try SafetensorsFile(path: path)
    let state = try network.loadStateDict(weights, head: .fresh(seed: 1))
    #expect(state.parameters.map(\.count) == network.layout.slices.map(\.count))
    let first = try #require(network.layout.slices.first)
    #expect(try weights.floats(first.name) == state.parameters[0])
    #expect(throws: CheckpointMismatch.self) { try network.loadStateDict(weights, head: .checkpoint) }
  }
}

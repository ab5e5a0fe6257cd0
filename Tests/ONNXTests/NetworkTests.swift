import Backbones
import Foundation
import ONNX
import TestSupport
import Testing
import Torch

/// onnxruntime computes what libtorch computes, for every architecture.
@Suite(
  .enabled(if: PythonPackages.onnxruntime.missing == nil, "\(PythonPackages.onnxruntime.missing ?? "")"))
struct NetworkTests {
  /// One network of each architecture; all of them where there is time.
  private static func names(_ modality: Backbone.Modality, _ few: [String]) -> [String] {
    let isLong = ProcessInfo.processInfo.environment["GRIDLESS_LONG_TESTS"] == "1"
    return isLong ? Backbone.all.filter { $0.modality == modality }.map(\.name) : few
  }

  private func state(_ network: Network) -> StateDict {
    func values(_ name: String, _ shape: [Int]) -> [Float] { Formula.state(name, shape: shape).map(Float.init) }
    return StateDict(
      parameters: network.layout.slices.map { values($0.name, $0.shape) },
      buffers: network.buffers.slices.map { values($0.name, $0.shape) })
  }

  private func logits(_ network: Network, _ state: StateDict, _ x: Tensor) throws -> [Double] {
    let vector = network.layout.vector(state.parameters)
    let context = ForwardContext(
      parameters: try network.layout.views(of: Tensor(vector, shape: [vector.count])),
      buffers: try network.buffers.tensors(state.buffers), mode: .evaluation)
    return try withoutGrad { try network(x, context).doubles() }
  }

  private func withFile(_ model: ONNXModel, _ body: (String) throws -> Void) throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID().uuidString).onnx").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try model.write(to: path)
    try body(path)
  }

  /// Within 1e-4, at another batch size than was recorded.
  @Test(
    arguments: names(
      .images,
      [
        "resnet8", "resnet18", "resnet50_layer3", "mobilenet_v2", "tf_mobilenet_v2", "densenet121", "vit_ti_16",
        "convnext_atto", "efficientnet_b0",
      ])) func images(name: String) throws
  {
    // TensorFlow's padding is lopsided on even sides only: 98 halves to both kinds.
    let size = name.hasPrefix("vit") ? 64 : name == "tf_mobilenet_v2" ? 98 : name == "resnet8" ? 32 : 96
    let network = try Backbone.named(name).makeNetwork(classes: 5, size: size)
    let state = state(network)
    let model = try ONNXModel(network, state, size: size, metadata: ["größe": "ja"])
    let shape = [3, 3, size, size]
    let pixels = Formula.uniform("pixels", count: shape.reduce(1, *), -2, 2)
    let expected = try logits(network, state, Tensor(pixels.map(Float.init), shape: shape))
    try withFile(model) { path in
      let run = try ONNXRun(path: path, [("pixel_values", "float32", shape, pixels)])
      #expect(run.shapes["logits"] == [3, 5])
      #expect(Golden.relativeError(try #require(run.outputs["logits"]), expected) < 1e-4)
      #expect(run.metadata == ["größe": "ja"])
      #expect(run.inputs["pixel_values"] == ["batch", "3", "\(size)", "\(size)"])
    }
  }

  /// Within 1e-4, at other numbers of texts and tokens than were recorded, with padding.
  @Test(arguments: names(.texts, ["bert-tiny"])) func texts(name: String) throws {
    let network = try Backbone.named(name).makeNetwork(classes: 3, vocabulary: 50)
    let state = state(network)
    let model = try ONNXModel(network, state, size: nil)
    let (lengths, width) = ([9, 4, 1, 12], 12)
    let tokens = Formula.uniform("tokens", count: 4 * width, 0, 50).map { $0.rounded(.down) }
    let mask = lengths.flatMap { length in (0..<width).map { $0 < length ? 1.0 : 0 } }
    let numbers = zip(tokens, mask).map { $1 == 1 ? Int64($0) : -1 }
    let expected = try logits(network, state, Tensor(numbers, shape: [4, width]))
    try withFile(model) { path in
      let run = try ONNXRun(
        path: path, [("input_ids", "int64", [4, width], tokens), ("attention_mask", "int64", [4, width], mask)])
      #expect(run.shapes["logits"] == [4, 3])
      #expect(Golden.relativeError(try #require(run.outputs["logits"]), expected) < 1e-4)
    }
  }

  /// A regression's values are in their own unit.
  @Test func values() throws {
    let network = try Backbone.named("resnet8").makeNetwork(classes: 1)
    let state = state(network)
    let pixels = Formula.uniform("pixels", count: 3 * 32 * 32, -2, 2)
    let expected = try logits(network, state, Tensor(pixels.map(Float.init), shape: [1, 3, 32, 32])).map { 7 + 3 * $0 }
    try withFile(ONNXModel(network, state, size: 32, scale: (mean: 7, deviation: 3))) { path in
      let run = try ONNXRun(path: path, [("pixel_values", "float32", [1, 3, 32, 32], pixels)])
      #expect(Golden.relativeError(try #require(run.outputs["values"]), expected) < 1e-4)
    }
  }

  /// Equal networks give equal files.
  @Test func repeatable() throws {
    let network = try Backbone.named("resnet8").makeNetwork(classes: 2)
    try withFile(ONNXModel(network, state(network), size: 32)) { first in
      try withFile(ONNXModel(network, state(network), size: 32)) { second in
        #expect(FileManager.default.contentsEqual(atPath: first, andPath: second))
      }
    }
  }
}

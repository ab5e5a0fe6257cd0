import Backbones
import Foundation
import TestSupport
import Testing
import Torch
import Weights

@Suite struct NamingTests {
  private struct File: Decodable {
    struct Case: Decodable, CustomTestStringConvertible {
      let model: String
      let naming: Naming
      /// The ε of its normalisation layers.
      let eps: Double
      /// How many tensors the library's state dict has.
      let tensors: Int
      let logits: [Double]
      var testDescription: String { "\(model), \(naming)" }
    }
    let classes: Int
    let batch: Int
    let side: Int
    let cases: [Case]
  }

  private static let file = Result { try Golden.load("naming/logits.json", as: File.self) }

  /// The other naming's tensors of a network: names and shapes, by the map.
  private func others(_ network: Network, _ map: NameMap) -> [(name: String, shape: [Int])] {
    let shapes = Dictionary(
      uniqueKeysWithValues: network.layout.slices.map { ($0.name, $0.shape) }
        + network.buffers.slices.map { ($0.name, $0.shape) })
    return map.entries.flatMap { entry -> [(name: String, shape: [Int])] in
      var shape = shapes[entry.name] ?? []
      if entry.trailingOnes > 0 { shape += [Int](repeating: 1, count: entry.trailingOnes) }
      if entry.trailingOnes < 0 { shape.removeLast(-entry.trailingOnes) }
      if entry.others.count > 1 { shape[0] /= entry.others.count }
      return entry.others.map { ($0, shape) }
    }
  }

  /// A network of timm's or transformers' with values that its own names give, against that library's own logits: any
  /// two names exchanged would change them (Tests/golden/naming/make.py).
  @Test func networksUnderOtherNamesHaveTheirLibrarysLogits() throws {
    let file = try Self.file.get()
    for golden in file.cases {
      var backbone = try Backbone.named(golden.model)
      backbone.eps = golden.eps
      let network = backbone.makeNetwork(classes: file.classes, size: file.side)
      let map = try #require(backbone.nameMap(golden.naming))
      #expect(map.entries.reduce(0) { $0 + $1.others.count } == golden.tensors, "\(golden.testDescription)")
      let values = others(network, map).filter { !$0.name.hasSuffix("num_batches_tracked") }.map {
        (name: $0.name, shape: $0.shape, values: Formula.state($0.name, shape: $0.shape).map(Float.init))
      }
      let source = MemorySource(arrays: values)
      let state = try network.loadStateDict(RenamedSource(source, map), head: .checkpoint)

      let flat = try Tensor(network.layout.vector(state.parameters), shape: [network.layout.paddedCount])
      let context = ForwardContext(
        parameters: try network.layout.views(of: flat.to(dtype: .float64)),
        buffers: try network.buffers.tensors(state.buffers, dtype: .float64), mode: .evaluation)
      let shape = [file.batch, 3, file.side, file.side]
      let x = try Tensor(Formula.uniform("input", count: shape.reduce(1, *), -1, 1), shape: shape)
      let logits = try withoutGrad { try network(x, context).doubles() }
      // The values went through float32.
      #expect(Golden.relativeError(logits, golden.logits) < 1e-5, "\(golden.testDescription)")

      // The same by arrays in their stored form.
      let arrays = values.map { NamedArray(name: $0.name, shape: $0.shape, $0.values) }
      let renamed = try map.toTorchvision(arrays)
      let expected = network.namedArrays(state).filter { !$0.name.hasSuffix("num_batches_tracked") }
      #expect(Set(renamed.map(\.name)) == Set(expected.map(\.name)))
      #expect(renamed.sorted { $0.name < $1.name } == expected.sorted { $0.name < $1.name })
    }
  }

  /// There and back every array has its bytes, whatever its type.
  @Test func mapsAreLosslessBothWays() throws {
    for backbone in Backbone.all {
      for naming in Naming.allCases {
        guard let map = backbone.nameMap(naming) else { continue }
        let network = backbone.makeNetwork(classes: 3, size: 64)
        let shapes =
          network.layout.slices.map { ($0.name, $0.shape) } + network.buffers.slices.map { ($0.name, $0.shape) }
        // Of two bytes an element, and without the largest: blocks repeat, and what holds of one holds of all.
        let arrays =
          shapes.enumerated().filter { $0.element.1.reduce(1, *) < 1_000_000 }.map { index, tensor in
            NamedArray(
              name: tensor.0, dtype: .bf16, shape: tensor.1,
              bytes: Data((0..<2 * tensor.1.reduce(1, *)).map { UInt8(truncatingIfNeeded: $0 / 2 + index) }))
          } + network.buffers.counterNames.map { NamedArray(name: $0, shape: [], [7] as [Int64]) }
        let others = try map.fromTorchvision(arrays)
        #expect(Set(others.map(\.name)).count == others.count, "\(backbone.name), \(naming)")
        let back = try map.toTorchvision(others)
        #expect(back == arrays, "\(backbone.name), \(naming)")
        #expect(try map.fromTorchvision(back) == others)
      }
    }
  }

  @Test func theNamesAreThePublishedOnes() throws {
    let map = try #require(try Backbone.named("vit_b_16").nameMap(.huggingFace))
    let packed = try #require(
      map.entries.first { $0.name == "encoder.layers.encoder_layer_11.self_attention.in_proj_weight" })
    #expect(
      packed.others
        == ["query", "key", "value"].map { "vit.encoder.layer.11.attention.attention.\($0).weight" })
    let scale = try #require(
      try Backbone.named("convnext_base").nameMap(.timm)?.entries.first { $0.name == "features.5.26.layer_scale" })
    #expect(scale.others == ["stages.2.blocks.26.gamma"] && scale.trailingOnes == -2)
    #expect(try Backbone.named("densenet121").nameMap(.huggingFace) == nil)
    #expect(try Backbone.named("resnet20").nameMap(.timm) == nil)
    #expect(try Backbone.named("resnet20").nameMap(.torchvision)?.changesNothing == true)
  }

  @Test func whatDoesNotFitIsRefused() throws {
    let map = try #require(try Backbone.named("vit_ti_16").nameMap(.huggingFace))
    let prefix = "vit.encoder.layer.0.attention.attention"
    func part(_ name: String, rows: Int = 192) -> NamedArray {
      NamedArray(name: "\(prefix).\(name).bias", shape: [rows], [Float](repeating: 0, count: rows))
    }
    let name = "encoder.layers.encoder_layer_0.self_attention.in_proj_bias"
    #expect(try map.toTorchvision([part("query"), part("key"), part("value")]).map(\.shape) == [[576]])
    for arrays in [[part("query"), part("value")], [part("query"), part("key"), part("value", rows: 191)]] {
      let error = try #require(throws: NameMapError.self) { try map.toTorchvision(arrays) }
      guard case .parts(name, _, _) = error else { throw error }
    }
    #expect(throws: NameMapError.unknown(names: ["pooler.dense.weight"])) {
      try map.toTorchvision([NamedArray(name: "pooler.dense.weight", shape: [1], [0 as Float])])
    }
    let uneven = NamedArray(name: name, shape: [5], [Float](repeating: 0, count: 5))
    let error = try #require(throws: NameMapError.self) { try map.fromTorchvision([uneven]) }
    #expect(error.description.contains("a first side that is a multiple of 3"))
    let scale = NamedArray(name: "features.1.0.layer_scale", shape: [2, 2], [0, 0, 0, 0] as [Float])
    #expect(throws: NameMapError.self) {
      try #require(try Backbone.named("convnext_tiny").nameMap(.timm)).fromTorchvision([scale])
    }
  }
}

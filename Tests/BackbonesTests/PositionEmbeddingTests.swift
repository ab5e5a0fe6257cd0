import Backbones
import TestSupport
import Testing
import Weights

@Suite struct PositionEmbeddingTests {
  private struct File: Decodable {
    struct Case: Decodable {
      /// The side of the grid in the checkpoint, and of the network's.
      let found: Int
      let wanted: Int
      /// A norm and eight projections.
      let digest: [Double]
    }
    let width: Int
    let cases: [Case]
  }
  private static let name = "encoder.pos_embedding"

  /// A checkpoint for images of another size, with the formula's embeddings.
  private func checkpoint(side: Int) throws -> MemorySource {
    let network = try Backbone.named("vit_ti_16").makeNetwork(classes: 2, size: 16 * side)
    return MemorySource(
      arrays: network.layout.slices.map { slice in
        let isPositions = slice.name == Self.name
        let values = isPositions ? Formula.state(slice.name, shape: slice.shape).map(Float.init) : nil
        return (slice.name, slice.shape, values ?? [Float](repeating: 0.5, count: slice.count))
      })
  }

  /// Against torchvision's interpolate_embeddings.
  @Test func aCheckpointOfAnotherSizeIsInterpolated() throws {
    let file: File = try Golden.load("backbones/positions.json")
    for golden in file.cases {
      let network = try Backbone.named("vit_ti_16").makeNetwork(classes: 2, size: 16 * golden.wanted)
      let source = try checkpoint(side: golden.found)
      #expect(
        network.adaptations(of: source.shapes) == [
          "the checkpoint's position embeddings are for \(golden.found) × \(golden.found) patches and were interpolated "
            + "to \(golden.wanted) × \(golden.wanted)"
        ])
      let state = try network.loadStateDict(source, head: .checkpoint)
      let index = try #require(network.layout.slices.firstIndex { $0.name == Self.name })
      let values = state.parameters[index].map(Double.init)
      #expect(values.count == file.width * (1 + golden.wanted * golden.wanted))
      let found = [Golden.norm(values)] + Formula.projections(Self.name, values, count: 8)
      #expect(Golden.relativeError(found, golden.digest) < 1e-6, "\(golden.found) to \(golden.wanted)")
      // The class token's own position stays.
      #expect(
        Array(state.parameters[index].prefix(file.width)) == Array(try source.floats(Self.name).prefix(file.width)))
    }
  }

  @Test func aCheckpointOfTheSameSizeStaysAsItIs() throws {
    let network = try Backbone.named("vit_ti_16").makeNetwork(classes: 2, size: 48)
    let source = try checkpoint(side: 3)
    #expect(network.adaptations(of: source.shapes).isEmpty)
    let state = try network.loadStateDict(source, head: .checkpoint)
    #expect(state.parameters == source.arrays.map(\.values))
  }

  /// A grid that is no square, and another width.
  @Test(arguments: [[1, 4, 192], [1, 10, 384], [10, 192], [1, 1, 192]]) func otherShapesAreRefused(shape: [Int]) throws
  {
    let network = try Backbone.named("vit_ti_16").makeNetwork(classes: 2, size: 64)
    let arrays = try checkpoint(side: 3).arrays.map { array in
      array.name == Self.name
        ? (Self.name, shape, [Float](repeating: 0, count: shape.reduce(1, *))) : (array.name, array.shape, array.values)
    }
    let source = MemorySource(arrays: arrays)
    #expect(network.adaptations(of: source.shapes).isEmpty)
    let error = try #require(throws: CheckpointMismatch.self) { try network.loadStateDict(source, head: .checkpoint) }
    #expect(error.wrongShape.map(\.name) == [Self.name])
    #expect(error.wrongShape.map(\.found) == [shape] && error.wrongShape.map(\.expected) == [[1, 17, 192]])
  }
}

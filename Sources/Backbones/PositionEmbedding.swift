import Torch

/// Embeddings of positions: one for the class token, then one for each patch of a square grid, row by row.
public struct PositionEmbedding: Sendable, Hashable {
  /// The name in the state dict.
  public let name: String
  /// The side of a patch, in pixels.
  public let patch: Int
  /// The side of the grid, in patches.
  public let side: Int
  /// The width of a token.
  public let width: Int

  /// `[1, 1 + side², width]`.
  public var shape: [Int] { [1, 1 + side * side, width] }

  /// The side of the grid for which embeddings of this shape were made, nil if they are none of this width.
  func side(of shape: [Int]) -> Int? {
    guard shape.count == 3, shape[0] == 1, shape[2] == width, shape[1] > 1 else { return nil }
    let side = Int(Double(shape[1] - 1).squareRoot().rounded())
    return side * side == shape[1] - 1 ? side : nil
  }

  /// Embeddings for this grid from those for a grid of side `other`, in logical order.
  ///
  /// Bicubic interpolation with aligned corners, the class token's embedding unchanged, as torchvision's
  /// `interpolate_embeddings`.
  func resized(_ values: [Float], from other: Int) throws(TorchError) -> [Float] {
    guard other != side else { return values }
    let grid = try Tensor(Array(values.dropFirst(width)), shape: [1, other, other, width])
    let resized = try grid.permute([0, 3, 1, 2]).contiguous()
      .upsampleBicubic2d(height: side, width: side, alignCorners: true)
    return Array(values.prefix(width)) + (try resized.permute([0, 2, 3, 1]).floats())
  }
}

extension Network {
  /// What is changed of a checkpoint with such shapes to fit this network, in words.
  public func adaptations(of shapes: [(name: String, shape: [Int])]) -> [String] {
    guard let positions = architecture.positionEmbedding,
      let found = shapes.first(where: { $0.name == positions.name }), let side = positions.side(of: found.shape),
      side != positions.side
    else { return [] }
    return [
      "the checkpoint's position embeddings are for \(side) × \(side) patches and were interpolated to "
        + "\(positions.side) × \(positions.side)"
    ]
  }
}

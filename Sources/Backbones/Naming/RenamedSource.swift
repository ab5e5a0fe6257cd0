import Weights

/// A file of tensors under another naming's names, read as if they were torchvision's.
///
/// Tensors that the map does not know keep their names, so that a comparison with the network tells them.
public struct RenamedSource: TensorSource {
  /// The path of the file.
  public var path: String { source.path }
  /// The tensors as torchvision has them; parts of which one is missing keep their names.
  public let shapes: [(name: String, shape: [Int])]

  private let source: any TensorSource
  private let parts: [String: [String]]

  /// A source whose names are those of the map's other naming.
  public init(_ source: any TensorSource, _ map: NameMap) {
    self.source = source
    let found = Dictionary(source.shapes.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
    var shapes: [(name: String, shape: [Int])] = []
    var parts: [String: [String]] = [:]
    for entry in map.entries {
      let pieces = entry.others.compactMap { found[$0] }
      guard pieces.count == entry.others.count, let first = pieces.first, pieces.allSatisfy({ $0 == first }),
        var shape = first.adding(ones: -entry.trailingOnes)
      else { continue }
      if pieces.count > 1, !shape.isEmpty { shape[0] *= pieces.count }
      shapes.append((entry.name, shape))
      parts[entry.name] = entry.others
    }
    let known = Set(parts.values.joined())
    self.shapes = shapes + source.shapes.filter { !known.contains($0.name) }
    self.parts = parts
  }

  /// The elements of a tensor under torchvision's name, its parts one after the other.
  public func floats(_ name: String) throws -> [Float] {
    try (parts[name] ?? [name]).flatMap { try source.floats($0) }
  }

  /// Some of a tensor's elements, counted in its order.
  public func floats(_ name: String, part: Range<Int>) throws -> [Float] {
    guard let names = parts[name], names.count > 1 else {
      return try source.floats(parts[name]?.first ?? name, part: part)
    }
    return Array(try floats(name)[part])
  }
}

extension [Int] {
  /// The shape with so many sides of 1 more behind the others, or fewer; nil where it has no such sides.
  func adding(ones: Int) -> [Int]? {
    if ones >= 0 { return self + [Int](repeating: 1, count: ones) }
    guard count > -ones, suffix(-ones).allSatisfy({ $0 == 1 }) else { return nil }
    return Array(dropLast(-ones))
  }
}

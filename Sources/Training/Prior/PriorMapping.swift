import Backbones
import Weights

/// How tensors without names become a network's parameters.
struct PriorMapping {
  let network: Network
  /// Whose names stand in the order of the tensors' numbers; nil where there is none.
  let order: NamedParameters?

  /// The backbone's parameters of a tensor `[D]`, in the layout's order.
  func values(_ file: any TensorSource) throws -> [[Float]] {
    let shape = file.shapes[0].shape.filter { $0 != 1 }
    guard shape.count == 1 else {
      throw PriorError.notImportable(
        path: file.path, reason: "a tensor \(file.shapes[0].shape), expected [D] or a state dict.")
    }
    let offsets = try offsets(shape[0], of: file)
    return try network.layout.backboneSlices.map { slice in
      let start = offsets[slice.name] ?? 0
      return try file.floats("", part: start..<start + slice.count)
    }
  }

  /// The columns of Q by parameter names, each in logical order.
  func columns(_ file: any TensorSource, atMost asked: Int?) throws -> [[String: [Float]]] {
    let shapes = file.shapes
    let read: (count: Int, column: (Int) throws -> [String: [Float]])
    if shapes.map(\.name) == [""] {
      read = try matrix(file, shapes[0].shape)
    } else if shapes.enumerated().allSatisfy({
      $1.name == "\($0)" && $1.shape.count == 1 && $1.shape == shapes[0].shape
    }),
      let length = shapes.first?.shape[0]
    {
      let offsets = try offsets(length, of: file)
      read = (shapes.count, { try split(offsets) { try file.floats(shapes[$0].name, part: $1) }($0) })
    } else {
      read = try dictionary(file)
    }
    let count = asked ?? read.count
    guard (1...max(1, read.count)).contains(count), read.count > 0 else {
      throw PriorError.tooFewColumns(path: file.path, asked: count, found: read.count)
    }
    return try (0..<count).map(read.column)
  }

  private typealias Columns = (count: Int, column: (Int) throws -> [String: [Float]])

  /// A tensor `[K, D]` or `[D, K]`.
  private func matrix(_ file: any TensorSource, _ shape: [Int]) throws -> Columns {
    guard shape.count == 2 else {
      throw PriorError.notImportable(
        path: file.path, reason: "a tensor \(shape), expected the columns [K, D], or [D, K].")
    }
    if let length = shape.max(), shape[0] == length, shape[1] != length {
      // Transposed: read once.
      let offsets = try offsets(length, of: file)
      let all = try file.floats("")
      let count = shape[1]
      return (count, { try split(offsets) { column, range in range.map { all[$0 * count + column] } }($0) })
    }
    let offsets = try offsets(shape[1], of: file)
    return (
      shape[0],
      {
        try split(offsets) { column, range in
          try file.floats("", part: column * shape[1] + range.lowerBound..<column * shape[1] + range.upperBound)
        }($0)
      }
    )
  }

  /// A dict of `[K, …shape]`, `[K, count]` or `[count, K]` by parameter names.
  private func dictionary(_ file: any TensorSource) throws -> Columns {
    let named = try NamedParameters(file, of: network, checksShapes: false)
    let shapes = Dictionary(named.tensors, uniquingKeysWith: { first, _ in first })
    let slices = Array(network.layout.backboneSlices)
    let first = shapes[slices[0].name] ?? []
    func areRows(_ count: Int) -> Bool {
      slices.allSatisfy { shapes[$0.name] == [count] + $0.shape || shapes[$0.name] == [count, $0.count] }
    }
    if let count = first.first, areRows(count) {
      return (
        count,
        { column in
          try byName(slices) {
            try file.floats(named.prefix + $0.name, part: column * $0.count..<(column + 1) * $0.count)
          }
        }
      )
    }
    if let count = first.last, slices.allSatisfy({ shapes[$0.name] == [$0.count, count] }) {
      return (
        count,
        { column in
          try byName(slices) { slice in
            let all = try named.floats(slice.name)
            return (0..<slice.count).map { all[$0 * count + column] }
          }
        }
      )
    }
    throw PriorError.notImportable(
      path: file.path,
      reason: "'\(slices[0].name)' is \(first), expected [K, …shape], [K, count] or [count, K] for the shape "
        + "\(slices[0].shape), the same K for all parameters.")
  }

  private func byName(
    _ slices: [ParameterSlice], _ values: (ParameterSlice) throws -> [Float]
  ) rethrows -> [String: [Float]] {
    Dictionary(uniqueKeysWithValues: try slices.map { ($0.name, try values($0)) })
  }

  /// Cuts a column into parameters, by a reader of ranges of it.
  private func split(
    _ offsets: [String: Int], _ read: @escaping (_ column: Int, Range<Int>) throws -> [Float]
  ) -> (Int) throws -> [String: [Float]] {
    let slices = Array(network.layout.backboneSlices)
    return { column in
      try byName(slices) { slice in
        let start = offsets[slice.name] ?? 0
        return try read(column, start..<start + slice.count)
      }
    }
  }

  /// Where the parameters begin in a vector of that length.
  private func offsets(_ length: Int, of file: any TensorSource) throws(PriorError) -> [String: Int] {
    guard let order else {
      throw .notImportable(
        path: file.path,
        reason: "a tensor without names, and no state dict tells the order of its numbers. "
          + "Pass the state dict of the network as --weights (the published …_model.pt).")
    }
    guard order.file is PyTorchFile else {
      throw .notImportable(
        path: file.path,
        reason: "a tensor without names, and \(order.file.path) does not keep the network's order. "
          + "Pass a state dict that torch.save wrote as --weights.")
    }
    guard let offsets = order.offsets(inVectorOf: length) else {
      throw .notImportable(
        path: file.path,
        reason: "a tensor of length \(length); \(network.backbone.name) has \(network.layout.backboneCount) parameters "
          + "without its head. Pass the files of this network.")
    }
    return offsets
  }
}

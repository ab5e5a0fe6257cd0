import Backbones
import Weights

/// A state dict in a file, whose tensors are a network's under a common prefix such as `module.` or `state_dict.`.
struct NamedParameters {
  let file: any TensorSource
  /// What stands before every name.
  let prefix: String
  /// The tensors under the prefix, without it, in the file's order.
  let tensors: [(name: String, shape: [Int])]

  private let network: Network

  /// Finds the network's parameters in a file; where `checksShapes` is false only names are compared.
  ///
  /// Throws ``PriorError/notImportable(path:reason:)`` where several prefixes fit, `CheckpointMismatch` where none
  /// does.
  init(_ file: any TensorSource, of network: Network, checksShapes: Bool = true) throws {
    let names = Set(file.shapes.map(\.name))
    let wanted = network.layout.backboneSlices.map(\.name)
    let prefixes = file.shapes.map(\.name).filter { $0.hasSuffix(wanted[0]) }.map {
      String($0.dropLast(wanted[0].count))
    }
    let fitting = prefixes.filter { prefix in
      (prefix.isEmpty || prefix.hasSuffix(".")) && wanted.allSatisfy { names.contains(prefix + $0) }
    }
    guard fitting.count <= 1 else {
      throw PriorError.notImportable(
        path: file.path,
        reason:
          "holds the network's parameters several times, under \(fitting.map { "'\($0)'" }.joined(separator: ", ")). "
          + "Save the one that is meant alone."
      )
    }
    (self.file, self.network, prefix) = (file, network, fitting.first ?? "")
    let start = prefix
    tensors = file.shapes.filter { $0.name.hasPrefix(start) }.map { (String($0.name.dropFirst(start.count)), $0.shape) }
    let ignored = Set(network.buffers.slices.map(\.name) + network.buffers.counterNames)
    let head = network.backbone.headName + "."
    try StateDictMatch.check(
      expected: network.layout.backboneSlices.map { ($0.name, checksShapes ? $0.shape : []) },
      found: tensors.map { ($0.name, checksShapes ? $0.shape : []) }, file: file.path,
      ignoring: { ignored.contains($0) || $0.hasPrefix(head) })
  }

  /// A tensor's elements in logical order.
  func floats(_ name: String) throws -> [Float] { try file.floats(prefix + name) }

  /// The backbone's parameters, in the layout's order.
  func backboneValues() throws -> [[Float]] { try network.layout.backboneSlices.map { try floats($0.name) } }

  /// The running statistics, nil unless all are there.
  func buffers() throws -> [[Float]]? {
    let shapes = Dictionary(tensors, uniquingKeysWith: { first, _ in first })
    guard network.buffers.slices.allSatisfy({ shapes[$0.name] == $0.shape }) else { return nil }
    return try network.buffers.slices.map { try floats($0.name) }
  }

  /// Where the backbone's parameters begin in a flat vector of `count` elements that was made in this dict's order, of
  /// the backbone's parameters, of all parameters, or of all tensors; nil where none of them has so many.
  func offsets(inVectorOf count: Int) -> [String: Int]? {
    let statistics = Set(network.buffers.slices.map(\.name) + network.buffers.counterNames)
    let head = network.backbone.headName + "."
    let parameters = tensors.filter { !statistics.contains($0.name) }
    for part in [parameters.filter { !$0.name.hasPrefix(head) }, parameters, tensors] {
      var (offsets, offset) = ([String: Int](), 0)
      for (name, shape) in part {
        offsets[name] = offset
        offset += shape.reduce(1, *)
      }
      if offset == count { return offsets }
    }
    return nil
  }
}

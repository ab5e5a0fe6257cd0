import Foundation
import Weights

/// How the tensors of one network are called, cut and shaped under torchvision's names and under another naming's.
///
/// Both ways are lossless: bytes are moved, never computed with.
///
/// ```swift
/// let map = try Backbone.named("vit_b_16").nameMap(.huggingFace)
/// let arrays = try map?.fromTorchvision(arrays)
/// ```
public struct NameMap: Sendable, Hashable {
  /// One tensor under torchvision's name, and what it is elsewhere.
  public struct Entry: Sendable, Hashable {
    /// torchvision's name.
    public let name: String
    /// The other's names: one, or several of equal parts along the first side, in their order.
    public let others: [String]
    /// The sides of 1 behind the others that the other's tensor has more; negative where it has fewer.
    public let trailingOnes: Int
  }

  /// The other naming.
  public let naming: Naming
  /// Every parameter, running statistic and counter of the network.
  public let entries: [Entry]

  /// Whether both namings are one for this network.
  public var changesNothing: Bool { entries.allSatisfy { $0.others == [$0.name] && $0.trailingOnes == 0 } }

  /// Arrays under torchvision's names, from arrays under the other's.
  ///
  /// Throws ``NameMapError`` for names that the network lacks, and where parts do not make a whole.
  public func toTorchvision(_ arrays: [NamedArray]) throws(NameMapError) -> [NamedArray] {
    try refuseUnknown(arrays, known: entries.flatMap(\.others))
    let found = Dictionary(arrays.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var result: [NamedArray] = []
    for entry in entries {
      let parts = entry.others.compactMap { found[$0] }
      guard let first = parts.first else { continue }
      guard parts.count == entry.others.count, parts.allSatisfy({ $0.dtype == first.dtype && $0.shape == first.shape })
      else {
        throw .parts(
          name: entry.name, expected: entry.others, found: parts.map { "\($0.name) \($0.dtype) \($0.shape)" })
      }
      var shape = try shape(of: first, adding: -entry.trailingOnes)
      if parts.count > 1, !shape.isEmpty { shape[0] *= parts.count }
      result.append(
        NamedArray(name: entry.name, dtype: first.dtype, shape: shape, bytes: parts.reduce(Data()) { $0 + $1.bytes }))
    }
    return result
  }

  /// Arrays under the other's names, from arrays under torchvision's.
  ///
  /// Throws ``NameMapError`` for names that the network lacks, and for tensors that cannot be cut.
  public func fromTorchvision(_ arrays: [NamedArray]) throws(NameMapError) -> [NamedArray] {
    try refuseUnknown(arrays, known: entries.map(\.name))
    let found = Dictionary(arrays.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var result: [NamedArray] = []
    for entry in entries {
      guard let array = found[entry.name] else { continue }
      var shape = try shape(of: array, adding: entry.trailingOnes)
      let count = entry.others.count
      if count > 1 {
        guard let rows = shape.first, rows.isMultiple(of: count) else {
          throw .shape(name: array.name, found: array.shape, expected: "a first side that is a multiple of \(count)")
        }
        shape[0] = rows / count
      }
      let length = array.bytes.count / count
      for (index, name) in entry.others.enumerated() {
        let start = array.bytes.startIndex + index * length
        result.append(
          NamedArray(name: name, dtype: array.dtype, shape: shape, bytes: Data(array.bytes[start..<start + length])))
      }
    }
    return result
  }

  private func shape(of array: NamedArray, adding ones: Int) throws(NameMapError) -> [Int] {
    guard let shape = array.shape.adding(ones: ones) else {
      throw .shape(name: array.name, found: array.shape, expected: "\(-ones) sides of 1 behind the others")
    }
    return shape
  }

  private func refuseUnknown(_ arrays: [NamedArray], known: [String]) throws(NameMapError) {
    let known = Set(known)
    let unknown = arrays.map(\.name).filter { !known.contains($0) }
    if !unknown.isEmpty { throw .unknown(names: unknown) }
  }
}

/// Arrays that cannot be put under other names.
public enum NameMapError: Error, Equatable, CustomStringConvertible {
  /// The network has no tensors of these names.
  case unknown(names: [String])
  /// A tensor's parts are not all there, or differ in type or shape.
  case parts(name: String, expected: [String], found: [String])
  /// A tensor's shape does not allow what the map says.
  case shape(name: String, found: [Int], expected: String)

  /// What was found and what was expected.
  public var description: String {
    switch self {
    case .unknown(let names):
      "\(names.count) names that the model lacks: \(names.prefix(5).joined(separator: ", "))"
        + "\(names.count > 5 ? ", …" : ""). Name the model that the weights were made for."
    case .parts(let name, let expected, let found):
      "\(name) has the parts \(expected.joined(separator: ", ")), of one type and shape; found "
        + "\(found.joined(separator: ", ")). Convert the checkpoint again."
    case .shape(let name, let found, let expected):
      "\(name): found the shape \(found), expected \(expected). Name the model that the weights were made for."
    }
  }
}

extension Backbone {
  /// The map between torchvision's names and another naming's; nil where that has no such network.
  public func nameMap(_ naming: Naming) -> NameMap? {
    guard let rows = names[naming] else { return nil }
    let network = makeNetwork(classes: 1)
    let tensors = network.layout.slices.map(\.name) + network.buffers.slices.map(\.name) + network.buffers.counterNames
    return NameMap(
      naming: naming,
      entries: tensors.map { name in
        for row in rows {
          if let others = row.names(of: name) {
            return NameMap.Entry(name: name, others: others, trailingOnes: row.trailingOnes)
          }
        }
        return NameMap.Entry(name: name, others: [name], trailingOnes: 0)
      })
  }
}

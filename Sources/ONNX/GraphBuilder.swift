import Foundation
import Protobuf
import Weights

/// Gathers the nodes and constants of a graph, and names its values.
struct GraphBuilder {
  /// An attribute of a node, with the specification's field numbers and types.
  enum Attribute {
    case float(Double)
    case int(Int)
    case ints([Int])
  }

  /// What is computed, in order.
  private(set) var nodes: [ProtobufMessage] = []
  /// The constants, by name.
  private(set) var constants: [NamedArray] = []
  private var counts: [String: Int] = [:]
  private var names: [Data: String] = [:]

  /// Adds a node, whose output's name is given back.
  mutating func node(
    _ type: String, _ inputs: [String], _ attributes: [(name: String, value: Attribute)] = [], output: String? = nil
  ) -> String {
    let output = output ?? fresh(type)
    var node = ProtobufMessage()
    for input in inputs { node.add(1, input) }
    node.add(2, output)
    node.add(3, output)
    node.add(4, type)
    for (name, value) in attributes {
      node.add(5) { attribute in
        attribute.add(1, name)
        switch value {
        case .float(let number):
          attribute.add(2, Float(number))
          attribute.add(20, 1)
        case .int(let number):
          attribute.add(3, number)
          attribute.add(20, 2)
        case .ints(let numbers):
          for number in numbers { attribute.add(8, number) }
          attribute.add(20, 7)
        }
      }
    }
    nodes.append(node)
    return output
  }

  /// The name of a vector of integers.
  mutating func integers(_ values: [Int]) -> String {
    constant { NamedArray(name: $0, shape: [values.count], values.map(Int64.init)) }
  }

  /// The name of an integer without dimensions.
  mutating func integer(_ value: Int) -> String { constant { NamedArray(name: $0, shape: [], [Int64(value)]) } }

  /// The name of a float32 without dimensions.
  mutating func number(_ value: Double) -> String { constant { NamedArray(name: $0, shape: [], [Float(value)]) } }

  /// A constant, the same one for the same contents.
  private mutating func constant(_ make: (_ name: String) -> NamedArray) -> String {
    let array = make("")
    let key = Data("\(array.dtype.rawValue) \(array.shape)".utf8) + array.bytes
    if let name = names[key] { return name }
    let name = fresh("constant")
    names[key] = name
    constants.append(make(name))
    return name
  }

  private mutating func fresh(_ stem: String) -> String {
    let count = counts[stem, default: 0]
    counts[stem] = count + 1
    return "\(stem)_\(count)"
  }
}

import Foundation
import Protobuf
import Weights

/// A computation in the Open Neural Network Exchange format, as onnxruntime and others run it.
///
/// Source: the ONNX specification (`onnx.proto`, IR version 8) and its operators of opset 17, the first that has
/// LayerNormalization: onnxruntime 1.13 and newer know it.
package struct ONNXModel {
  /// The version of the operators.
  package static let opset = 17
  /// The version of the file format that came with that opset.
  private static let irVersion = 8

  /// One side of an input or output.
  package enum Side: Hashable {
    /// Always this long.
    case fixed(Int)
    /// As long as the user's input; equal names are equally long.
    case free(String)
  }

  /// What is given, or comes out.
  package struct Port {
    /// Its name.
    package let name: String
    /// The type of its elements.
    let type: ElementType
    /// Its sides.
    package let shape: [Side]
  }

  /// The type of a tensor's elements, with the specification's numbers.
  enum ElementType: Int {
    case float = 1
    case int64 = 7
  }

  /// What is computed, in order.
  let nodes: [ProtobufMessage]
  /// Weights and constants.
  let initializers: [NamedArray]
  /// What is given.
  package let inputs: [Port]
  /// What comes out.
  package let outputs: [Port]
  /// What else a user may want to know, by key.
  let metadata: [String: String]

  /// Writes the file, whole or not at all.
  ///
  /// Equal models give equal bytes. Throws `WeightsError.unwritable` where it would be larger than 2 GB, which the
  /// format does not allow, and `AtomicFileError`.
  package func write(to path: String) throws {
    let parts = parts
    let size = parts.reduce(0) { $0 + $1.count }
    guard size < 1 << 31 else {
      throw WeightsError.unwritable(path: path, problem: "an ONNX file of \(size) bytes; the format allows 2 GB")
    }
    try AtomicFile.write(parts, to: path)
  }

  /// The file, of which the weights are parts of their own: nothing large is copied.
  private var parts: [Data] {
    var graph = ProtobufMessage()
    for node in nodes { graph.add(1, node.bytes) }
    graph.add(2, "gridless")
    for port in inputs { graph.add(11, Self.message(port).bytes) }
    for port in outputs { graph.add(12, Self.message(port).bytes) }
    var parts = [Data(graph.bytes)]
    for array in initializers {
      parts += [Data(Self.header(array).bytes), array.bytes]
    }

    var model = ProtobufMessage()
    model.add(1, Self.irVersion)
    model.add(2, "gridless")
    model.add(8) { $0.add(2, Self.opset) }
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      model.add(14) {
        $0.add(1, key)
        $0.add(2, value)
      }
    }
    model.addLength(7, of: parts.reduce(0) { $0 + $1.count })
    return [Data(model.bytes)] + parts
  }

  /// An initializer up to its elements: the field's key and length, and the tensor's own fields.
  private static func header(_ array: NamedArray) -> ProtobufMessage {
    var tensor = ProtobufMessage()
    for side in array.shape { tensor.add(1, side) }
    tensor.add(2, (array.dtype == .i64 ? ElementType.int64 : .float).rawValue)
    tensor.add(8, array.name)
    tensor.addLength(9, of: array.bytes.count)
    var field = ProtobufMessage()
    field.addLength(5, of: tensor.bytes.count + array.bytes.count)
    field.append(tensor)
    return field
  }

  private static func message(_ port: Port) -> ProtobufMessage {
    var message = ProtobufMessage()
    message.add(1, port.name)
    message.add(2) { type in
      type.add(1) { tensor in
        tensor.add(1, port.type.rawValue)
        tensor.add(2) { shape in
          for side in port.shape {
            shape.add(1) { dimension in
              switch side {
              case .fixed(let count): dimension.add(1, count)
              case .free(let name): dimension.add(2, name)
              }
            }
          }
        }
      }
    }
    return message
  }
}

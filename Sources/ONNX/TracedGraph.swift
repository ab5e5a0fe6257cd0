import Torch
import Weights

/// Turns a recorded computation into nodes.
///
/// The record was made with one batch of one size; the sizes that are free in the graph are found again by rules: the
/// leading sides that a reshape leaves as they are, and its last, take whatever comes; expanding from 1 to the batch's
/// size takes the input's; and of a table of positions as many rows are taken as there are tokens.
struct TracedGraph {
  /// The value whose first side is the batch, and whose second, of texts, the number of tokens.
  struct Input {
    let name: String
    let batch: Int
    let tokens: Int?
  }

  var graph: GraphBuilder
  private let trace: Trace
  private let input: Input
  /// Of each recorded value the name in the graph.
  private var names: [String] = []
  /// Of each recorded value whether it depends on the input.
  private var isVariable: [Bool] = []

  /// Adds the nodes of all recorded values.
  ///
  /// Throws ``UnsupportedOperation``.
  init(_ trace: Trace, input: Input, graph: GraphBuilder) throws(UnsupportedOperation) {
    (self.trace, self.input, self.graph) = (trace, input, graph)
    for value in trace.values {
      names.append(try name(of: value))
      isVariable.append(
        value.operation == .named(input.name) || value.inputs.contains { $0.map { isVariable[$0] } ?? false })
    }
  }

  /// The name of a recorded value.
  func name(at index: Int) -> String { names[index] }

  /// Adds a value's nodes, and gives the name of their result.
  private mutating func name(of value: Trace.Value) throws(UnsupportedOperation) -> String {
    let inputs = value.inputs.map { $0.map { names[$0] } }
    let given = inputs.compactMap(\.self)
    let source = value.inputs.first.flatMap { $0.map { trace.values[$0] } }
    switch value.operation {
    case .named(let name): return name
    case .conv2d(let stride, let padding, let groups):
      return graph.node(
        "Conv", given,
        [
          ("strides", .ints([stride, stride])), ("pads", .ints(Array(repeating: padding, count: 4))),
          ("group", .int(groups)),
        ])
    case .pad(let padding, let number): return pad(given[0], padding, number, rank: value.shape.count)
    case .linear: return linear(given, rank: value.shape.count)
    case .batchNorm(let eps, let activation):
      var y = graph.node("BatchNormalization", Array(given.prefix(5)), [("epsilon", .float(eps))])
      if given.count > 5 { y = graph.node("Add", [y, given[5]]) }
      switch activation {
      case .none: return y
      case .relu: return graph.node("Relu", [y])
      case .relu6: return clip(y, 0, 6)
      }
    case .layerNorm(let eps):
      return graph.node("LayerNormalization", given, [("axis", .int(-1)), ("epsilon", .float(eps))])
    case .relu: return graph.node("Relu", given)
    case .gelu: return gelu(given[0])
    case .silu: return graph.node("Mul", [given[0], graph.node("Sigmoid", given)])
    case .sigmoid: return graph.node("Sigmoid", given)
    case .tanh: return graph.node("Tanh", given)
    case .hardtanh(let min, let max): return clip(given[0], min, max)
    case .attention: return attention(given, shape: value.shape)
    case .embedding:
      let numbers = graph.node("Max", [given[1], graph.integer(0)])
      return graph.node("Gather", [given[0], numbers], [("axis", .int(0))])
    case .ge(let limit):
      let limit = source?.dtype == .int64 ? graph.integer(Int(limit.rounded(.up))) : graph.number(limit)
      return graph.node("GreaterOrEqual", [given[0], limit])
    case .maxPool2d(let kernelSize, let stride, let padding):
      return graph.node("MaxPool", given, Self.window(kernelSize, stride, padding))
    case .avgPool2d(let kernelSize, let stride, let padding):
      return graph.node(
        "AveragePool", given, Self.window(kernelSize, stride, padding) + [("count_include_pad", .int(1))])
    case .add: return graph.node("Add", given)
    case .subtract: return graph.node("Sub", given)
    case .multiply: return graph.node("Mul", given)
    case .divide: return graph.node("Div", given)
    case .mean(let dims, let keepDim):
      return graph.node("ReduceMean", given, [("axes", .ints(dims)), ("keepdims", .int(keepDim ? 1 : 0))])
    case .narrow(let dim, let start, let length):
      let takesTokens = length == input.tokens && start == 0 && !(value.inputs[0].map { isVariable[$0] } ?? false)
      let end = takesTokens ? side(1) : graph.integers([start + length])
      return graph.node("Slice", [given[0], graph.integers([start]), end, graph.integers([dim])])
    case .reshape(let shape): return reshape(given[0], from: source?.shape ?? [], to: shape)
    case .permute(let dims): return graph.node("Transpose", given, [("perm", .ints(dims))])
    case .expand(let shape):
      guard source?.shape.first == 1, shape.first == input.batch else {
        return graph.node("Expand", [given[0], graph.integers(shape)])
      }
      let sides = graph.node("Concat", [side(0), graph.integers(Array(shape.dropFirst()))], [("axis", .int(0))])
      return graph.node("Expand", [given[0], sides])
    case .cat(let dim): return graph.node("Concat", given, [("axis", .int(dim))])
    case .cast(let dtype):
      guard dtype == source?.dtype else { throw UnsupportedOperation(operation: "a cast to \(dtype)") }
      return given[0]
    }
  }

  /// A side of the input, as a vector of one integer.
  private mutating func side(_ dim: Int) -> String {
    graph.node("Shape", [input.name], [("start", .int(dim)), ("end", .int(dim + 1))])
  }

  private static func window(
    _ kernelSize: Int, _ stride: Int, _ padding: Int
  ) -> [(name: String, value: GraphBuilder.Attribute)] {
    [
      ("kernel_shape", .ints([kernelSize, kernelSize])), ("strides", .ints([stride, stride])),
      ("pads", .ints(Array(repeating: padding, count: 4))),
    ]
  }

  /// PyTorch names the last dimension's padding first, before and after; ONNX all befores, then all afters.
  private mutating func pad(_ x: String, _ padding: [Int], _ number: Double, rank: Int) -> String {
    var amounts = [Int](repeating: 0, count: 2 * rank)
    for pair in 0..<padding.count / 2 {
      amounts[rank - 1 - pair] = padding[2 * pair]
      amounts[2 * rank - 1 - pair] = padding[2 * pair + 1]
    }
    return graph.node("Pad", [x, graph.integers(amounts), graph.number(number)])
  }

  /// x · weightᵀ + bias.
  private mutating func linear(_ given: [String], rank: Int) -> String {
    guard rank != 2 else { return graph.node("Gemm", given, [("transB", .int(1))]) }
    let weight = graph.node("Transpose", [given[1]], [("perm", .ints([1, 0]))])
    let product = graph.node("MatMul", [given[0], weight])
    return given.count > 2 ? graph.node("Add", [product, given[2]]) : product
  }

  private mutating func clip(_ x: String, _ min: Double, _ max: Double) -> String {
    graph.node("Clip", [x, graph.number(min), graph.number(max)])
  }

  /// x (1 + erf(x/√2)) / 2: opset 17 has no Gelu.
  private mutating func gelu(_ x: String) -> String {
    let erf = graph.node("Erf", [graph.node("Div", [x, graph.number(2.0.squareRoot())])])
    let sum = graph.node("Add", [erf, graph.number(1)])
    return graph.node("Mul", [graph.node("Mul", [x, sum]), graph.number(0.5)])
  }

  /// softmax(QKᵀ/√d) V; where the mask is false, with the lowest float32 in place of QKᵀ/√d.
  private mutating func attention(_ given: [String], shape: [Int]) -> String {
    let rank = shape.count
    let order = Array(0..<rank - 2) + [rank - 1, rank - 2]
    let keys = graph.node("Transpose", [given[1]], [("perm", .ints(order))])
    let scale = graph.number(1 / Double(shape[rank - 1]).squareRoot())
    var scores = graph.node("Mul", [graph.node("MatMul", [given[0], keys]), scale])
    if given.count > 3 {
      scores = graph.node("Where", [given[3], scores, graph.number(-Double(Float.greatestFiniteMagnitude))])
    }
    return graph.node("MatMul", [graph.node("Softmax", [scores], [("axis", .int(-1))]), given[2]])
  }

  /// 0 leaves a side as it is, −1 takes what is left.
  private mutating func reshape(_ x: String, from source: [Int], to shape: [Int]) -> String {
    let kept = zip(source, shape).prefix { $0 == $1 }.count
    var sides = Array(repeating: 0, count: kept) + shape.dropFirst(kept)
    if kept < shape.count { sides[shape.count - 1] = -1 }
    return graph.node("Reshape", [x, graph.integers(sides)])
  }
}

/// A computation that has no form in ONNX here.
package struct UnsupportedOperation: Error, CustomStringConvertible {
  let operation: String

  /// What cannot be written.
  package var description: String { "\(operation) cannot be written as ONNX" }
}

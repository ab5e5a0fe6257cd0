import CTorch

/// A record of a computation: which operations made which values of which others.
///
/// A tensor that ``name(_:_:)`` was told of is recorded, and so is what the operations of ``Operation`` make of
/// recorded tensors, with no other tensor beside them. Every other use of a recorded tensor is not followed: its result
/// is not recorded. Tensors that no trace knows cost nothing.
///
/// ```swift
/// let trace = Trace()
/// let x = try Tensor.zeros([2, 3])
/// try trace.name(x, "x")
/// let y = try x.relu()
/// // trace.values is x, and relu of it; trace.index(of: y) is 1.
/// ```
package final class Trace {
  /// A value that was recorded.
  package struct Value {
    /// What made it.
    package let operation: Operation
    /// Of which values, as indices into ``Trace/values``; nil for an optional input that was not given.
    package let inputs: [Int?]
    /// Its sides.
    package let shape: [Int]
    /// The type of its elements.
    package let dtype: DType?
  }

  /// What was recorded, in the order of computation: every value stands behind its inputs.
  package private(set) var values: [Value] = []

  /// An empty record.
  package init() {}

  /// Records a tensor as an input or a weight of this name.
  package func name(_ tensor: Tensor, _ name: String) throws(TorchError) {
    guard tensor.traced == nil else { throw TorchError("'\(name)' is recorded already") }
    record(tensor, .named(name), of: [])
  }

  /// Where a tensor stands among the values; nil for one that this trace does not know.
  package func index(of tensor: Tensor) -> Int? {
    tensor.traced.flatMap { $0.trace === self ? $0.index : nil }
  }

  fileprivate func record(_ tensor: Tensor, _ operation: Operation, of inputs: [Int?]) {
    values.append(Value(operation: operation, inputs: inputs, shape: tensor.shape, dtype: tensor.dtype))
    tensor.traced = TracedValue(trace: self, index: values.count - 1)
  }
}

/// An operation that a ``Trace`` records, with its constants; its inputs stand in the order of the comment.
package enum Operation: Hashable {
  /// Not computed: an input or a weight.
  case named(String)
  /// Input, weight, bias?
  case conv2d(stride: Int, padding: Int, groups: Int)
  /// Input; the padding as `Tensor.pad` takes it.
  case pad([Int], value: Double)
  /// Input, weight, bias?
  case linear
  /// Input, weight, bias, running mean, running variance, shortcut?; in evaluation mode.
  case batchNorm(eps: Double, activation: Activation)
  /// Input, weight, bias.
  case layerNorm(eps: Double)
  /// Input.
  case relu, gelu, silu, sigmoid, tanh
  /// Input.
  case hardtanh(min: Double, max: Double)
  /// Queries, keys, values, mask?
  case attention
  /// Table, numbers.
  case embedding
  /// Input.
  case ge(Double)
  /// Input.
  case maxPool2d(kernelSize: Int, stride: Int, padding: Int)
  /// Input.
  case avgPool2d(kernelSize: Int, stride: Int, padding: Int)
  /// Both operands.
  case add, subtract, multiply, divide
  /// Input.
  case mean(dims: [Int], keepDim: Bool)
  /// Input.
  case narrow(dim: Int, start: Int, length: Int)
  /// Input; `view`, too.
  case reshape([Int])
  /// Input.
  case permute([Int])
  /// Input.
  case expand([Int])
  /// The parts.
  case cat(dim: Int)
  /// Input; also where nothing changes.
  case cast(DType)
}

/// A tensor's place in a ``Trace``.
struct TracedValue {
  let trace: Trace
  let index: Int
}

extension Tensor {
  /// The result of a call, which is recorded if this tensor is.
  ///
  /// Throws where this tensor is recorded and another is not: the record would lack it.
  func recorded(
    _ operation: @autoclosure () -> Operation, with others: @autoclosure () -> [Tensor?] = [],
    _ call: (UnsafeMutablePointer<CTTensor?>) -> CTStatus
  ) throws(TorchError) -> Tensor {
    let result = try tensor(call)
    guard let traced else { return result }
    var inputs: [Int?] = [traced.index]
    for other in others() {
      let index = other.flatMap(traced.trace.index)
      if other != nil, index == nil {
        throw TorchError("\(operation()) of a recorded tensor and one that the trace does not know")
      }
      inputs.append(index)
    }
    traced.trace.record(result, operation(), of: inputs)
    return result
  }

  /// Runs a call that changes this tensor; throws where it is recorded, for a trace holds values, which do not change.
  func change(_ call: () -> CTStatus) throws(TorchError) {
    if traced != nil { throw TorchError("a recorded tensor cannot change in place") }
    try check(call())
  }
}

import Foundation

/// A file of named tensors, whatever its format.
public protocol TensorSource: Sendable {
  /// The path it was opened with.
  var path: String { get }
  /// Names and shapes of all tensors; in a PyTorch file they stand in the order of `state_dict()`.
  var shapes: [(name: String, shape: [Int])] { get }
  /// The elements of the tensor called `name`, outermost side first, whatever its type, rounded to nearest.
  ///
  /// Throws `WeightsError.noTensor`, and where the format has checksums, where its bytes are damaged.
  func floats(_ name: String) throws -> [Float]
  /// The elements of `part` of the tensor called `name`, counted in its order.
  ///
  /// Throws as ``floats(_:)``, and `WeightsError` where the tensor is shorter.
  func floats(_ name: String, part: Range<Int>) throws -> [Float]
}

/// A source whose tensors can be had as they are stored, and whose files can be told from others.
public protocol StoredTensors: TensorSource {
  /// The tensor called `name` in its stored type and logical order, a copy.
  ///
  /// Throws as ``TensorSource/floats(_:)``.
  func array(_ name: String) throws -> NamedArray
  /// The CRC-32 of all bytes that it is read from.
  func checksum() -> UInt32
}

extension SafetensorsFile: StoredTensors {
  /// Names and shapes of all tensors, in the order of their bytes.
  public var shapes: [(name: String, shape: [Int])] { tensors.map { ($0.name, $0.shape) } }

  /// The tensor called `name` in its stored type, a copy.
  ///
  /// Throws `WeightsError.noTensor`.
  public func array(_ name: String) throws -> NamedArray {
    try withBytes(of: name) { NamedArray(name: name, dtype: $0.dtype, shape: $0.shape, bytes: Data($1)) }
  }
}

extension PyTorchFile: StoredTensors {
  /// Names and shapes of all tensors, in the pickle's order.
  public var shapes: [(name: String, shape: [Int])] { tensors.map { ($0.name, $0.shape) } }

  /// The tensor called `name` in its stored type and logical order, a copy.
  ///
  /// Throws as ``PyTorchFile/withBytes(of:_:)``.
  public func array(_ name: String) throws -> NamedArray {
    try withBytes(of: name) { NamedArray(name: name, dtype: $0.dtype, shape: $0.shape, bytes: Data($1)) }
  }
}

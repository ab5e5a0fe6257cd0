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

extension SafetensorsFile: TensorSource {
  /// Names and shapes of all tensors, in the order of their bytes.
  public var shapes: [(name: String, shape: [Int])] { tensors.map { ($0.name, $0.shape) } }
}

extension PyTorchFile: TensorSource {
  /// Names and shapes of all tensors, in the pickle's order.
  public var shapes: [(name: String, shape: [Int])] { tensors.map { ($0.name, $0.shape) } }
}

/// Opens files of tensors by what they hold, whatever their names.
public enum TensorFile {
  /// The safetensors or PyTorch file at `path`.
  ///
  /// Throws `WeightsError` for a file that is neither, or not sound.
  public static func open(_ path: String) throws -> any TensorSource {
    let start = [UInt8](FileHandle(forReadingAtPath: path)?.readData(ofLength: 9) ?? Data())
    // A safetensors header begins with its length in 8 bytes and a brace.
    let isPyTorch = start.starts(with: Array("PK\u{3}\u{4}".utf8)) || (start.first == 0x80 && start.last != 0x7B)
    return isPyTorch ? try PyTorchFile(path: path) : try SafetensorsFile(path: path)
  }
}

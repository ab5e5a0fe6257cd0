import Foundation

/// What onnxruntime makes of an ONNX model, which the format's checker found sound.
public struct ONNXRun {
  /// The outputs' values, in logical order, by name.
  public var outputs: [String: [Double]] = [:]
  /// The outputs' sides.
  public var shapes: [String: [Int]] = [:]
  /// The model's metadata.
  public var metadata: [String: String]
  /// The inputs' sides; names where they are free.
  public var inputs: [String: [String]]

  /// The metadata of the model at `path`.
  public static func metadata(path: String) throws -> [String: String] {
    try PythonPackages.onnxruntime.run("onnx/run.py", [path], input: Data("null".utf8))["metadata"] as? [String: String]
      ?? [:]
  }

  /// Runs the model at `path` on inputs of a NumPy dtype.
  public init(path: String, _ inputs: [(name: String, dtype: String, shape: [Int], values: [Double])]) throws {
    var request: [String: Any] = [:]
    for input in inputs {
      let values: [Any] = input.dtype == "int64" ? input.values.map { Int($0) } : input.values
      request[input.name] = ["dtype": input.dtype, "shape": input.shape, "values": values]
    }
    let json = try PythonPackages.onnxruntime.run(
      "onnx/run.py", [path], input: JSONSerialization.data(withJSONObject: request))
    metadata = json["metadata"] as? [String: String] ?? [:]
    self.inputs = json["inputs"] as? [String: [String]] ?? [:]
    for (name, output) in json["outputs"] as? [String: [String: Any]] ?? [:] {
      outputs[name] = output["values"] as? [Double]
      shapes[name] = output["shape"] as? [Int]
    }
  }
}

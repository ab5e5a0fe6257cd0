import Foundation
import ONNX
import Weights

/// Writes a run's posterior mean as an ONNX model, which onnxruntime and others run.
///
/// ```swift
/// let result = try ModelExport(run: RunFolder("runs/pets"), output: "pets.onnx").write()
/// ```
public struct ModelExport: Sendable {
  /// What was written.
  public struct Result: Sendable, Encodable, Equatable {
    /// One of the model's inputs or outputs.
    public struct Port: Sendable, Encodable, Equatable {
      /// Its name.
      public let name: String
      /// Its sides; a name where the user's input decides.
      public let shape: [String]
    }

    /// What `--json` prints first.
    public var event = "exported"
    /// The file that was written.
    public let output: String
    /// The backbone's name.
    public let model: String
    /// The version of ONNX's operators.
    public let opset: Int
    /// What the model is given.
    public let inputs: [Port]
    /// What comes out.
    public let outputs: [Port]
  }

  /// A finished run.
  public var run: RunFolder
  /// The ONNX file to write.
  public var output: String
  /// Whether a file that is there is replaced.
  public var overwrite = false

  /// A file to be written.
  public init(run: RunFolder, output: String) { (self.run, self.output) = (run, output) }

  /// Reads the run and writes the file.
  ///
  /// The network is in evaluation mode. Its input are images that are normalised already, or token numbers with their
  /// mask; how an image or text becomes them, the classes, λ, τ and σ are in the file's metadata, as they are in
  /// `model.safetensors`. Throws what ``SavedModel/init(run:)`` throws, ``TrainingError`` and
  /// `AtomicFileError`.
  @discardableResult
  public func write() throws -> Result {
    let ownFiles = [
      run.model, run.posterior, run.configuration, run.data, run.summary, run.metrics, run.events, run.card,
      run.vocabulary,
    ]
    let target = URL(fileURLWithPath: output).resolvingSymlinksInPath().path
    try refuse(
      ownFiles.contains { URL(fileURLWithPath: $0).resolvingSymlinksInPath().path == target },
      "\(output): a file of the run itself, which would be lost. Pass another path.")
    try OutputFile.check(output, overwrite: overwrite)
    let saved = try SavedModel(run: run)
    let model = try ONNXModel(
      saved.network, saved.state, size: saved.preprocessing?.size,
      scale: saved.likelihood.gaussian.map { ($0.mean, $0.deviation) },
      metadata: try SafetensorsFile(path: run.model).metadata)
    try model.write(to: output)
    func ports(_ ports: [ONNXModel.Port]) -> [Result.Port] {
      ports.map { port in
        Result.Port(
          name: port.name,
          shape: port.shape.map { side in
            switch side {
            case .fixed(let count): "\(count)"
            case .free(let name): name
            }
          })
      }
    }
    return Result(
      output: output, model: saved.network.backbone.name, opset: ONNXModel.opset, inputs: ports(model.inputs),
      outputs: ports(model.outputs))
  }
}

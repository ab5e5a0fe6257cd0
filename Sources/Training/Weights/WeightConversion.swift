import Backbones
import Foundation
import Weights

/// Stores a network's weights under another library's names, bit for bit.
///
/// ```swift
/// let conversion = WeightConversion(
///   input: "resnet50.pth", output: "model.safetensors", model: "resnet50", naming: .huggingFace)
/// let result = try conversion.run()
/// ```
public struct WeightConversion: Sendable {
  /// What was converted.
  public struct Result: Sendable, Encodable, Equatable {
    /// What `--json` prints first.
    public var event = "converted"
    /// The file that was written.
    public let output: String
    /// The backbone's name.
    public let model: String
    /// Whose names the input has.
    public let from: String
    /// Whose names the output has.
    public let to: String
    /// How many tensors were written.
    public let tensors: Int
    /// The head's outputs; nil without a head.
    public let classes: Int?
  }

  /// The weights, in any form that ``PretrainedWeights`` reads.
  public var input: String
  /// The safetensors file to write.
  public var output: String
  /// The backbone's name.
  public var model: String
  /// Whose names the output gets.
  public var naming: Naming
  /// Whether a file that is there is replaced.
  public var overwrite = false

  /// A file to be written.
  public init(input: String, output: String, model: String, naming: Naming) {
    (self.input, self.output, self.model, self.naming) = (input, output, model, naming)
  }

  /// Reads the input, compares it with the network, and writes all of its tensors in their stored types.
  ///
  /// A head may have any number of outputs, or be missing; everything else must be there, and nothing more. Metadata is
  /// kept. Throws ``TrainingError``, `UnknownBackbone`, `CheckpointMismatch`, `WeightsError` and `AtomicFileError`.
  @discardableResult
  public func run(onNote: (String) throws -> Void = { _ in }) throws -> Result {
    let backbone = try Backbone.named(model)
    guard naming.has(backbone), let map = backbone.nameMap(naming) else {
      throw TrainingError.invalidOption("--to \(naming.rawValue): \(naming.title) has no \(model).")
    }
    guard ![".pth", ".pt", ".bin", ".ckpt"].contains(where: output.hasSuffix) else {
      throw TrainingError.invalidOption(
        "'\(output)': safetensors is written, whatever the name. Name a file that ends in .safetensors.")
    }
    try OutputFile.check(output, overwrite: overwrite)
    let weights = try PretrainedWeights(path: input, of: backbone)
    for note in weights.notes { try onNote(note) }

    let shapes = Dictionary(
      weights.tensors.shapes.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
    let head = backbone.headParameterNames
    let classes = head.first.flatMap { shapes[$0]?.first }
    let network = backbone.makeNetwork(
      classes: max(1, min(classes ?? 1, 1 << 24)), vocabulary: backbone.vocabularySize(of: weights.tensors))
    let absent = Set(network.buffers.counterNames + (head.contains { shapes[$0] != nil } ? [] : head))
    try StateDictMatch.check(
      expected: network.layout.slices.map { ($0.name, $0.shape) } + network.buffers.slices.map { ($0.name, $0.shape) },
      found: weights.tensors.shapes, file: weights.file.path, ignoring: absent.contains)

    let arrays = try arrays(weights, of: backbone, map)
    // transformers loads no file without this format.
    var metadata = ((weights.file as? SafetensorsFile)?.metadata ?? [:]).merging([MetadataKey.format: "pt"]) { $1 }
    if metadata[MetadataKey.naming] != nil { metadata[MetadataKey.naming] = naming.rawValue }
    // What the files beside the input say of it is lost else.
    if let eps = weights.backbone.unusualEps { metadata[MetadataKey.eps] = "\(eps)" }
    if let pixels = weights.unusualNormalization { metadata[MetadataKey.normalization] = try JSON.line(pixels) }
    try Safetensors.write(arrays, metadata: metadata, to: output)
    return Result(
      output: output, model: model, from: weights.naming.rawValue, to: naming.rawValue, tensors: arrays.count,
      classes: classes)
  }

  /// The tensors under the new names.
  private func arrays(_ weights: PretrainedWeights, of backbone: Backbone, _ map: NameMap) throws -> [NamedArray] {
    var arrays = try weights.unwrapped.shapes.map { try weights.unwrapped.array($0.name) }
    do throws(NameMapError) {
      if let from = backbone.nameMap(weights.naming) { arrays = try from.toTorchvision(arrays) }
      return try map.fromTorchvision(arrays)
    } catch {
      throw WeightsError.unusable(
        path: weights.file.path, problem: "its tensors cannot be renamed", advice: "\(error)")
    }
  }
}

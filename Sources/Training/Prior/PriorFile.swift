import Backbones
import Foundation
import Weights

/// A file that holds a ``PretrainedPrior`` by parameter names: safetensors of the format `gridless prior 1`.
///
/// For every parameter of the backbone it has `mean/<name>`, `variance/<name>` (S) and `deviations/<name>` (columns of
/// Q, `[K, …shape]`); `buffer/<name>` are the running statistics at the mean, all of them or none. The metadata has
/// `format`, `model`, `columns`, and how the prior was made.
///
/// ```swift
/// let prior = try PriorFile(path: "prior.safetensors").prior(for: network, columns: 5)
/// ```
public struct PriorFile: Sendable {
  /// The file.
  public let path: String
  /// The backbone's name.
  public let model: String
  /// K, the number of deviations in the file.
  public let columns: Int
  /// The ε of the normalisation layers of the network that it was made from; nil where the file does not say.
  public let eps: Double?
  /// How that network wants its pixels; nil where the file does not say.
  public let normalization: InputNormalization?
  /// How the prior was made, as its maker noted: `method` and its options.
  public let origin: [String: String]

  private let file: SafetensorsFile
  private static let format = "gridless prior 1"

  /// Opens a prior's file and reads its header.
  ///
  /// Throws `WeightsError` for a file that cannot be read, and ``PriorError/notAPrior(path:found:)``.
  public init(path: String) throws {
    do {
      file = try SafetensorsFile(path: path)
    } catch WeightsError.malformed(_, let problem) {
      throw PriorError.notAPrior(path: path, found: problem)
    }
    var metadata = file.metadata
    guard let format = metadata.removeValue(forKey: MetadataKey.format), format == Self.format else {
      let found = file.metadata[MetadataKey.format].map { "its format is '\($0)', expected '\(Self.format)'" }
      throw PriorError.notAPrior(path: path, found: found ?? "its metadata has no format")
    }
    guard let model = metadata.removeValue(forKey: MetadataKey.model) else {
      throw PriorError.notAPrior(path: path, found: "its metadata has no model")
    }
    guard let text = metadata.removeValue(forKey: MetadataKey.columns), let columns = Int(text), columns >= 0 else {
      throw PriorError.notAPrior(path: path, found: "its metadata has no number of columns")
    }
    eps = try metadata.removeValue(forKey: MetadataKey.eps).map { text in
      guard let eps = Double(text), Backbone.isEps(eps) else {
        throw PriorError.notAPrior(path: path, found: "its metadata say \(MetadataKey.eps) \(text)")
      }
      return eps
    }
    normalization = try metadata.removeValue(forKey: MetadataKey.normalization).map { text in
      guard let found = try? JSON.decode(InputNormalization.self, from: Data(text.utf8)), found.isSound else {
        throw PriorError.notAPrior(path: path, found: "its metadata say \(MetadataKey.normalization) \(text)")
      }
      return found
    }
    (self.path, self.model, self.columns, origin) = (path, model, columns, metadata)
  }

  /// The CRC-32 of the file.
  func checksum() -> UInt32 { file.checksum() }

  /// What the user should know of a prior of which the weights that training starts from differ in ε or pixels.
  func notes(beside weights: PretrainedWeights?) -> [String] {
    guard let weights else { return [] }
    var notes: [String] = []
    if let eps, eps != weights.backbone.eps {
      notes.append(
        "\(path): made with the ε \(eps) of the normalisation layers; training uses that of the weights, "
          + "\(weights.backbone.eps)")
    }
    if let normalization, normalization != weights.normalization {
      notes.append(
        "\(path): made with pixels that were normalised in another way than the weights want them; they decide")
    }
    return notes
  }

  /// The prior of a network's backbone, with the first `columns` of its deviations (all if nil).
  ///
  /// Throws ``PriorError`` for another model's prior, for fewer columns than asked for, for numbers that are not finite
  /// and for negative variances; `CheckpointMismatch` where names or shapes differ.
  public func prior(for network: Network, columns asked: Int? = nil) throws -> PretrainedPrior {
    guard model == network.backbone.name else {
      throw PriorError.otherModel(path: path, found: model, expected: network.backbone.name)
    }
    let count = asked ?? columns
    guard (0...columns).contains(count) else {
      throw PriorError.tooFewColumns(path: path, asked: count, found: columns)
    }
    let layout = network.layout
    let slices = layout.backboneSlices
    let hasBuffers = file.tensors.contains { $0.name.hasPrefix("buffer/") }
    try StateDictMatch.check(
      expected: slices.flatMap { slice in
        [
          ("mean/" + slice.name, slice.shape), ("variance/" + slice.name, slice.shape),
          ("deviations/" + slice.name, [columns] + slice.shape),
        ]
      } + (hasBuffers ? network.buffers.slices.map { ("buffer/" + $0.name, $0.shape) } : []),
      found: file.tensors.map { ($0.name, $0.shape) }, file: path)

    var prior = PretrainedPrior(
      mean: layout.backboneVector(try slices.map { try finite("mean/" + $0.name) }),
      variance: layout.backboneVector(try slices.map { try variances("variance/" + $0.name) }), deviations: [])
    for column in 0..<count {
      prior.deviations.append(
        layout.backboneVector(
          try slices.map { try finite("deviations/" + $0.name, part: column * $0.count..<(column + 1) * $0.count) }))
    }
    if hasBuffers { prior.buffers = try network.buffers.slices.map { try finite("buffer/" + $0.name) } }
    return prior
  }

  private func finite(_ name: String, part: Range<Int>? = nil) throws -> [Float] {
    let values = try part.map { try file.floats(name, part: $0) } ?? file.floats(name)
    if let index = values.firstIndex(where: { !$0.isFinite }) {
      throw PriorError.notFinite(
        path: path, name: name, index: (part?.lowerBound ?? 0) + index, value: "\(values[index])")
    }
    return values
  }

  private func variances(_ name: String) throws -> [Float] {
    let values = try finite(name)
    if let index = values.firstIndex(where: { $0 < 0 }) {
      throw PriorError.negativeVariance(path: path, name: name, index: index, value: "\(values[index])")
    }
    return values
  }

  /// Writes a network's prior, whole or not at all; `origin` says how it was made, `normalization` how the network
  /// wants its pixels, where that is known.
  ///
  /// Numbers that a reader would refuse are refused here. Throws ``PriorError`` and `AtomicFileError`.
  public static func write(
    _ prior: PretrainedPrior, of network: Network, normalization: InputNormalization? = nil, origin: [String: String],
    to path: String
  ) throws {
    let layout = network.layout
    let slices = Array(layout.backboneSlices)
    var arrays = zip(slices, layout.backboneValues(ofVector: prior.mean)).map {
      NamedArray(name: "mean/" + $0.name, shape: $0.shape, $1)
    }
    arrays += zip(slices, layout.backboneValues(ofVector: prior.variance)).map {
      NamedArray(name: "variance/" + $0.name, shape: $0.shape, $1)
    }
    let columns = prior.deviations.map { layout.backboneValues(ofVector: $0) }
    arrays += slices.enumerated().map { index, slice in
      NamedArray(
        name: "deviations/" + slice.name, shape: [columns.count] + slice.shape, columns.flatMap { $0[index] })
    }
    if let buffers = prior.buffers {
      arrays += zip(network.buffers.slices, buffers).map { NamedArray(name: "buffer/" + $0.name, shape: $0.shape, $1) }
    }
    try check(arrays, path: path)
    var metadata = [
      MetadataKey.format: format, MetadataKey.model: network.backbone.name, MetadataKey.columns: "\(columns.count)",
      MetadataKey.eps: "\(network.backbone.eps)",
    ]
    if let normalization { metadata[MetadataKey.normalization] = try JSON.line(normalization) }
    try Safetensors.write(arrays, metadata: origin.merging(metadata) { $1 }, to: path)
  }

  private static func check(_ arrays: [NamedArray], path: String) throws(PriorError) {
    for array in arrays {
      let isVariance = array.name.hasPrefix("variance/")
      let fault = array.bytes.withUnsafeBytes { bytes in
        bytes.bindMemory(to: Float.self).enumerated().first { !$1.isFinite || (isVariance && $1 < 0) }
      }
      guard let (index, value) = fault else { continue }
      guard value.isFinite else { throw .notFinite(path: path, name: array.name, index: index, value: "\(value)") }
      throw .negativeVariance(path: path, name: array.name, index: index, value: "\(value)")
    }
  }
}

import Backbones
import Foundation
import Weights

/// Makes a prior's file from the three files in which PTYL's priors are published: mean, variance, covariance.
///
/// Each is a state dict, which is mapped by names, or a tensor. The authors' are tensors: the mean and the variance
/// `[D]`, the covariance's columns `[K, D]`, D the parameters without the head and without running statistics, one
/// after the other in `parameters()`' order. Such a tensor is mapped by the names of the mean, if that is a state dict,
/// or of `weights` (the authors' `…_model.pt`), in their order, and only if the lengths agree.
public struct PriorImport: Sendable {
  /// The file of m.
  public var mean: String
  /// The file of S.
  public var variance: String
  /// The file of Q.
  public var covariance: String
  /// A state dict of the network, in the order in which the tensors were made.
  public var weights: String?
  /// The backbone's name.
  public var model: String
  /// The prior's file.
  public var out: String
  /// K, the columns to keep, the first ones as published; nil for all.
  public var columns: Int?
  /// Whether a file that is there is replaced.
  public var overwrite = false

  /// Three files and the network that they are of.
  public init(mean: String, variance: String, covariance: String, model: String, out: String) {
    (self.mean, self.variance, self.covariance) = (mean, variance, covariance)
    (self.model, self.out) = (model, out)
  }

  /// Reads the files, maps them and writes the prior.
  ///
  /// Throws ``PriorError`` with the reason where something does not fit, ``TrainingError`` for an output that cannot be
  /// written, and the errors of Weights and Backbones.
  @discardableResult
  public func run(onEvent: (PriorEvent) throws -> Void = { _ in }) throws -> PriorResult {
    let start = ContinuousClock.now
    try OutputFile.check(out, overwrite: overwrite)
    var backbone = try Backbone.named(model)
    let weightsFile = try weights.map { try TensorFile.open($0) }
    let beside = try weightsFile.map { try CheckpointConfiguration(beside: $0) }
    backbone.eps = try beside?.eps(of: backbone)?.0 ?? backbone.eps
    let network = backbone.makeNetwork(classes: 1)
    let named = try weightsFile.map { try NamedParameters($0, of: network) }
    let meanFile = try TensorFile.open(mean)
    let meanNames = isFlat(meanFile) ? nil : try NamedParameters(meanFile, of: network)
    let mapping = PriorMapping(network: network, order: meanNames ?? named)

    let means = try meanNames?.backboneValues() ?? mapping.values(meanFile)
    if meanNames == nil, let named { try check(means, against: named, onEvent) }
    let varianceFile = try TensorFile.open(variance)
    let variances =
      isFlat(varianceFile)
      ? try mapping.values(varianceFile) : try NamedParameters(varianceFile, of: network).backboneValues()
    let deviations = try mapping.columns(TensorFile.open(covariance), atMost: columns)

    let layout = network.layout
    for (slice, (mean, variance)) in zip(layout.backboneSlices, zip(means, variances)) {
      try checkFinite(mean, slice.name, in: self.mean)
      try checkFinite(variance, slice.name, in: self.variance)
      if let index = variance.firstIndex(where: { $0 < 0 }) {
        throw PriorError.negativeVariance(
          path: self.variance, name: slice.name, index: index, value: "\(variance[index])")
      }
      for (column, deviation) in deviations.enumerated() {
        try checkFinite(deviation[slice.name] ?? [], "column \(column) of \(slice.name)", in: covariance)
      }
    }
    let prior = PretrainedPrior(
      mean: layout.backboneVector(means), variance: layout.backboneVector(variances),
      deviations: deviations.map { column in layout.backboneVector(layout.backboneSlices.map { column[$0.name] ?? [] })
      },
      buffers: try meanNames?.buffers() ?? named?.buffers())
    if prior.buffers == nil, !network.buffers.slices.isEmpty {
      try onEvent(.note("no running statistics: the prior's file has none"))
    }
    try PriorFile.write(
      prior, of: network, normalization: try beside?.normalization()?.0, origin: ["method": "import"], to: out)
    return PriorResult(
      prior, of: network, method: "import", path: out, seconds: (ContinuousClock.now - start).seconds)
  }

  private func isFlat(_ file: any TensorSource) -> Bool { file.shapes.map(\.name) == [""] }

  private func checkFinite(_ values: [Float], _ name: String, in path: String) throws(PriorError) {
    if let index = values.firstIndex(where: { !$0.isFinite }) {
      throw .notFinite(path: path, name: name, index: index, value: "\(values[index])")
    }
  }

  /// A mean that was mapped by position must lie near the weights whose order was used: else that order is another's.
  private func check(
    _ means: [[Float]], against named: NamedParameters, _ onEvent: (PriorEvent) throws -> Void
  ) throws {
    var (distance, norm) = (0.0, 0.0)
    for (mean, weight) in zip(means, try named.backboneValues()) {
      for (m, w) in zip(mean, weight) {
        distance += Double(m - w) * Double(m - w)
        norm += Double(w) * Double(w)
      }
    }
    let ratio = (distance / norm).squareRoot()
    // A vector in another order would lie about √2 of the norm away.
    guard ratio < 1 || !ratio.isFinite else {
      throw PriorError.notImportable(
        path: mean,
        reason:
          "lies \(ratio) times the norm of \(named.file.path) away from it, so its numbers stand in another order, or "
          + "are of other weights. Pass as --weights the state dict that the prior was made from."
      )
    }
    try onEvent(.note("the mean lies \(String(format: "%.2g", ratio)) times the weights' norm away from them"))
  }
}

import Backbones
import Datasets
import Evidence
import Torch

/// The objective on the training set in evaluation mode, without augmentation.
public struct EvidenceEstimate: Codable, Sendable, Equatable {
  /// E_q of the sum over N of the log likelihoods, in nats.
  public var logLikelihood: Double
  /// KL(q ‖ p) at λ* and τ*, in nats.
  public var kl: Double
  /// κ·logLikelihood − kl.
  public var elbo: Double
  /// −elbo/(κN).
  public var loss: Double
  /// λ, the mean over the backbone's parameters; nil where nothing of it is trained, or without a prior.
  public var lambda: Double?
  /// τ, that of the head.
  public var tau: Double?
  /// σ, the root mean square over all parameters.
  public var sigma: Double
  /// λ of each tensor of the backbone, where they differ.
  public var lambdaByLayer: [String: Double]?
  /// τ of each tensor of the head, where they differ.
  public var tauByLayer: [String: Double]?
  /// σ of each tensor, where they differ: the root mean square over its parameters.
  public var sigmaByLayer: [String: Double]?
  /// The standard deviation of a Gaussian likelihood's noise, in the values' own unit: where it is learned, that which
  /// maximises `elbo` (L2); nil for classes.
  public var noise: Double?
  /// The mean NLL of the held-out part, by which MAP's learning rates are chosen; nil for other objectives.
  public var validationLoss: Double?
  /// log p(D), the Laplace approximation, by which LA-LML's learning rates are chosen; nil for other objectives.
  public var logMarginalLikelihood: Double?

  /// What candidates are compared by: the higher, the better.
  var score: Double { logMarginalLikelihood ?? validationLoss.map { -$0 } ?? elbo }

  /// Whether every number is finite.
  public var isFinite: Bool {
    [logLikelihood, kl, elbo, loss, score, lambda ?? 0, tau ?? 0, sigma].allSatisfy(\.isFinite)
  }
}

extension Model {
  /// Re-estimates the running statistics at the current weights, in one pass over the training images.
  ///
  /// The statistics that training leaves behind come from noisy passes. These are the cumulative average over batches,
  /// accumulated in float64, with evaluation preprocessing. The batches are random ones: in the data set's order a
  /// batch holds few classes, and its statistics are those of these classes. Layers that are not trained keep theirs.
  public func reestimateBatchNorm(on data: ExampleBatches, batchSize: Int, seed: UInt64) throws {
    let frozen = network.buffers.frozenSliceCount
    guard frozen < buffers.count else { return }
    let trained = buffers[frozen...]
    let averages = try trained.map { try Tensor.zeros($0.shape, dtype: .float64, device: device) }
    try withoutGrad {
      try data.forEachEvaluationBatch(atMost: batchSize, shuffled: seed) { inputs, _ in
        // With momentum 1 the running statistics become the batch's own.
        _ = try self(inputs, mode: .training(momentum: 1))
        for (average, buffer) in zip(averages, trained) {
          try average.add_(buffer, alpha: Double(inputs.shape[0]) / Double(data.count))
        }
      }
      for (buffer, average) in zip(trained, averages) { try buffer.copy_(average) }
    }
  }

  /// The objective (2) by `samples` draws from the posterior; a likelihood's learned noise is first made the best for
  /// these draws.
  ///
  /// With statistics of their own the running ones are re-estimated for each draw; otherwise they stay as they are.
  /// `onDraw` is called after each. Of a part of the training set, the log likelihood is scaled up to the whole.
  /// Leaves the last sample in the weights, and its statistics.
  public func estimateEvidence(
    _ objective: DataEmphasizedELBO, posterior: GaussianPosterior, on data: ExampleBatches, seed: UInt64,
    samples: Int = 10, batchSize: Int, statistics: DrawStatistics = .own, likelihood: Likelihood = .categorical,
    onDraw: () throws -> Void = {}
  ) throws -> EvidenceEstimate {
    var logLikelihood = 0.0
    var divergences: Divergences?
    for sample in 0..<samples {
      divergences = try objective.sample(
        posterior, .drawn(NormalDraws(seed: seed, step: UInt64(sample))), into: vector)
      if statistics == .own {
        let part =
          data.count > DrawStatistics.mostExamples ? data.balanced(DrawStatistics.mostExamples, seed: seed) : data
        try reestimateBatchNorm(on: part, batchSize: batchSize, seed: seed)
      }
      try withoutGrad {
        try data.forEachEvaluationBatch(atMost: batchSize) { inputs, targets in
          let batch = try likelihood.logLikelihood(self(inputs, mode: .evaluation), targets)
          logLikelihood += try batch.to(dtype: .float64).sum().item() / Double(samples)
        }
      }
      try onDraw()
    }
    guard let divergences else { throw TrainingError.invalidOption("the evidence needs at least one sample") }
    logLikelihood *= Double(objective.examples) / Double(data.count)
    let fitted = likelihood.fitted(logLikelihood: logLikelihood, examples: objective.examples)
    logLikelihood = fitted.logLikelihood
    let kl = divergences.kl
    let elbo = objective.kappa * logLikelihood - kl
    func layers(_ part: ParameterGroup) -> [String: Double]? {
      let members = zip(divergences.blocks, divergences.scales).filter { $0.0.part == part }
      guard objective.prior?.scales == .layerwise, !members.isEmpty else { return nil }
      return Dictionary(uniqueKeysWithValues: members.map { ($0.0.name, $0.1) })
    }
    let names = posterior.blocks.map(\.name)
    return EvidenceEstimate(
      logLikelihood: logLikelihood, kl: kl, elbo: elbo, loss: -elbo / (objective.kappa * Double(objective.examples)),
      lambda: divergences.lambda, tau: divergences.tau, sigma: try posterior.sigma(),
      lambdaByLayer: layers(.backbone), tauByLayer: layers(.head),
      sigmaByLayer: posterior.family == .isotropic
        ? nil : Dictionary(uniqueKeysWithValues: zip(names, try posterior.sigmas())),
      noise: fitted.likelihood.gaussian?.standardDeviation)
  }

  /// What `rows` makes of the outputs `[B, …]` for each batch, row by row in the data set's order, at the current
  /// weights with evaluation preprocessing.
  func rows(of data: ExampleBatches, batchSize: Int, _ rows: (Tensor) throws -> [Double]) throws -> [Double] {
    var all: [Double] = []
    try withoutGrad {
      try data.forEachEvaluationBatch(atMost: batchSize) { inputs, _ in
        all += try rows(self(inputs, mode: .evaluation))
      }
    }
    return data.inDataOrder(all)
  }

  /// Log probabilities `[N × classes]`, row-major, at the current weights with evaluation preprocessing.
  public func logProbabilities(of data: ExampleBatches, batchSize: Int) throws -> [Double] {
    try rows(of: data, batchSize: batchSize) { try $0.to(dtype: .float64).logSoftmax(dim: 1).doubles() }
  }

  /// The metrics of a split at the current weights, or on average over a posterior; the classes are called by `names`,
  /// or else by their numbers.
  public func metrics(
    of data: ExampleBatches, batchSize: Int, names: [String]? = nil, average: PosteriorAverage? = nil
  ) throws -> ClassificationMetrics {
    func rows() throws -> [Double] { try logProbabilities(of: data, batchSize: batchSize) }
    return ClassificationMetrics(
      logProbabilities: try average?.logProbabilities(of: self, rows) ?? rows(), labels: data.labels,
      classes: network.classes, names: names)
  }
}

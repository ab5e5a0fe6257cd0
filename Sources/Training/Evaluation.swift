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
  /// λ*.
  public var lambda: Double
  /// τ*.
  public var tau: Double
  /// σ.
  public var sigma: Double

  /// Whether every number is finite.
  public var isFinite: Bool { [logLikelihood, kl, elbo, loss, lambda, tau, sigma].allSatisfy(\.isFinite) }
}

extension Model {
  /// Re-estimates the running statistics at the current weights, in one pass over the training images.
  ///
  /// The statistics that training leaves behind come from noisy passes. These are the cumulative average over batches,
  /// accumulated in float64, with evaluation preprocessing. The batches are random ones: in the data set's order a batch
  /// holds few classes, and its statistics are those of these classes. Layers that are not trained keep theirs.
  public func reestimateBatchNorm(on data: ImageBatches, batchSize: Int, seed: UInt64) throws {
    let frozen = network.buffers.frozenSliceCount
    guard frozen < buffers.count else { return }
    let trained = buffers[frozen...]
    let averages = try trained.map { try Tensor.zeros($0.shape, dtype: .float64, device: device) }
    try withoutGrad {
      try data.forEachEvaluationBatch(atMost: batchSize, shuffled: seed) { images, labels in
        // With momentum 1 the running statistics become the batch's own.
        _ = try self(images, mode: .training(momentum: 1))
        for (average, buffer) in zip(averages, trained) {
          try average.add_(buffer, alpha: Double(labels.count) / Double(data.count))
        }
      }
      for (buffer, average) in zip(trained, averages) { try buffer.copy_(average) }
    }
  }

  /// The objective (2) by `samples` draws from the posterior, which share the running statistics.
  ///
  /// Leaves the last sample in the weights.
  public func estimateEvidence(
    _ objective: DataEmphasizedELBO, posterior: IsotropicPosterior, on data: ImageBatches, seed: UInt64,
    samples: Int = 10,
    batchSize: Int
  ) throws -> EvidenceEstimate {
    var logLikelihood = 0.0
    var divergences: Divergences?
    for sample in 0..<samples {
      divergences = try objective.sample(
        posterior, .drawn(NormalDraws(seed: seed, step: UInt64(sample))), into: vector)
      try withoutGrad {
        try data.forEachEvaluationBatch(atMost: batchSize) { images, labels in
          let batch = try self(images, mode: .evaluation).logLikelihood(labels)
          logLikelihood += try batch.to(dtype: .float64).sum().item() / Double(samples)
        }
      }
    }
    guard let divergences else { throw TrainingError.invalidOption("the evidence needs at least one sample") }
    let kl = divergences.kl
    let elbo = objective.kappa * logLikelihood - kl
    return EvidenceEstimate(
      logLikelihood: logLikelihood, kl: kl, elbo: elbo, loss: -elbo / (objective.kappa * Double(objective.examples)),
      lambda: divergences.backbone.scale, tau: divergences.head.scale, sigma: posterior.sigma)
  }

  /// Log probabilities `[N × classes]`, row-major, at the current weights with evaluation preprocessing.
  public func logProbabilities(of data: ImageBatches, batchSize: Int) throws -> [Double] {
    var rows: [Double] = []
    try withoutGrad {
      try data.forEachEvaluationBatch(atMost: batchSize) { images, _ in
        rows += try self(images, mode: .evaluation).to(dtype: .float64).logSoftmax(dim: 1).doubles()
      }
    }
    return rows
  }

  /// The metrics of a split at the current weights.
  public func metrics(of data: ImageBatches, batchSize: Int) throws -> ClassificationMetrics {
    ClassificationMetrics(
      logProbabilities: try logProbabilities(of: data, batchSize: batchSize), labels: data.images.labels,
      classes: network.classes)
  }
}

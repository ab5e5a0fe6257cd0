import Backbones
import Evidence
import Torch

extension CandidateRun {
  /// The evidence for a point, after the last step: BatchNorm's statistics are estimated at it, and one pass over the
  /// training images gives its log likelihood.
  ///
  /// Where there are several learning rates, MAP's are compared by the held-out part. LA-LML's precisions are learned a
  /// last time, and its evidence is that of the result.
  func evaluatePoint() throws -> Candidate {
    let (model, configuration) = (trainer.model, trainer.configuration)
    try model.vector.set(posterior.mean)
    try model.reestimateBatchNorm(on: trainer.data, batchSize: configuration.batchSize, seed: configuration.seed)
    let laplace = try tunePrecisions()
    var evidence = try model.evidence(
      of: takeStep.objective, at: posterior, on: trainer.data, batchSize: configuration.batchSize,
      likelihood: takeStep.likelihood)
    guard evidence.isFinite else { throw try diverged("objective", step: step) }
    if configuration.objective == .map, configuration.learningRates.count > 1, let heldOut = trainer.heldOut {
      evidence.validationLoss = try model.metrics(
        of: heldOut, under: takeStep.likelihood.withNoise(evidence.noise), names: [],
        batchSize: configuration.batchSize
      ).nll
    }
    if let laplace, let precisions {
      evidence.logMarginalLikelihood = try laplace.logMarginalLikelihood(precisions: precisions.precisions)
    }
    // What candidates are compared by is finite, too.
    guard evidence.isFinite else { throw try diverged("objective", step: step) }
    return Candidate(
      learningRate: learningRate, evidence: evidence, posterior: try PosteriorValues(posterior),
      buffers: try model.bufferCopies(), drawBuffers: [])
  }
}

extension Model {
  /// The objective at a point, in float32 and evaluation mode.
  ///
  /// Leaves the point in the weights.
  func evidence(
    of objective: DataEmphasizedELBO, at point: GaussianPosterior, on data: ExampleBatches, batchSize: Int,
    likelihood: Likelihood
  ) throws -> EvidenceEstimate {
    // Nothing is drawn: the pass finds the distances from the prior's mean.
    let divergences = try objective.sample(point, .drawn(NormalDraws(seed: 0, step: 0)), into: vector)
    try vector.set(point.mean)
    var logLikelihood = 0.0
    try withoutGrad {
      try data.forEachEvaluationBatch(atMost: batchSize) { inputs, targets in
        logLikelihood += try likelihood.logLikelihood(self(inputs, mode: .evaluation), targets)
          .to(dtype: .float64).sum().item()
      }
    }
    let fitted = likelihood.fitted(logLikelihood: logLikelihood, examples: objective.examples)
    let elbo = objective.kappa * fitted.logLikelihood - divergences.kl
    return EvidenceEstimate(
      logLikelihood: fitted.logLikelihood, kl: divergences.kl, elbo: elbo,
      loss: -elbo / (objective.kappa * Double(objective.examples)), lambda: divergences.lambda, tau: divergences.tau,
      sigma: 0, noise: fitted.likelihood.gaussian?.standardDeviation)
  }
}

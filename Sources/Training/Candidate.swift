import Backbones
import Datasets
import Evidence
import Foundation
import Torch

/// One full training run at one learning rate, and the evidence for its result.
final class Candidate {
  let learningRate: Double
  let evidence: EvidenceEstimate
  /// The posterior mean, flat.
  let mean: Tensor
  /// The running statistics at the posterior mean.
  let buffers: [Tensor]

  init(learningRate: Double, evidence: EvidenceEstimate, mean: Tensor, buffers: [Tensor]) {
    self.learningRate = learningRate
    self.evidence = evidence
    self.mean = mean
    self.buffers = buffers
  }
}

/// What every candidate shares: the data, the network, where it starts, the objective and the seeds.
struct CandidateTrainer {
  let configuration: FineTuneConfiguration
  let model: Model
  let data: ImageBatches
  let objective: DataEmphasizedELBO
  let initialMean: Tensor
  let initialBuffers: [Tensor]
  let augmentation: Augmentation

  /// Trains from the start for exactly the configured number of steps, and estimates the evidence.
  ///
  /// All candidates see the same batches, crops and noise. Throws ``TrainingError/diverged(term:step:learningRate:)``
  /// where a term is not finite.
  func train(learningRate: Double, onStep: (StepReport) throws -> Void) throws -> Candidate {
    let posterior = IsotropicPosterior(mean: try initialMean.clone(), sigma: configuration.initialSigma)
    try model.setBuffers(initialBuffers)
    let optimizer = try NesterovSGD(like: posterior.mean, sigmaUpdate: configuration.sigmaUpdate)
    let steps = configuration.steps
    let schedule = CosineSchedule(peak: learningRate, steps: steps)
    let rhoSchedule = CosineSchedule(
      peak: configuration.sigmaUpdate.peakRate(learningRate: learningRate, steps: steps), steps: steps)
    var order = BatchOrder(count: data.count, seed: configuration.seed)

    let takeStep = VariationalStep(model: model, objective: objective)

    for step in 0..<configuration.steps {
      let items = order.indices(step: step, batchSize: configuration.batchSize)
      let (images, labels) = try data.batch(items, augmentation: augmentation)
      let rate = schedule(step)
      let outcome = try takeStep(
        images: images, labels: labels,
        draws: NormalDraws(seed: Streams.trainingNoise.seed(configuration.seed), step: UInt64(step)),
        posterior: posterior, optimizer: optimizer, learningRate: rate, rhoLearningRate: rhoSchedule(step))
      guard outcome.isApplied else {
        let term =
          !outcome.terms.nll.isFinite
          ? "data term (mean NLL)" : !outcome.terms.kl.isFinite ? "KL term" : "gradient norm"
        throw TrainingError.diverged(term: term, step: step + 1, learningRate: learningRate)
      }
      try onStep(
        StepReport(
          peakLearningRate: learningRate, learningRate: rate, step: step + 1, steps: configuration.steps,
          terms: outcome.terms, gradientNorm: outcome.gradientNorm))
    }
    return try evaluate(posterior, learningRate: learningRate)
  }

  private func evaluate(_ posterior: IsotropicPosterior, learningRate: Double) throws -> Candidate {
    try model.vector.set(posterior.mean)
    try model.reestimateBatchNorm(on: data, batchSize: configuration.batchSize, seed: configuration.seed)
    let evidence = try model.estimateEvidence(
      objective, posterior: posterior, on: data, seed: Streams.evidenceNoise.seed(configuration.seed),
      batchSize: configuration.batchSize)
    guard evidence.isFinite else {
      throw TrainingError.diverged(term: "objective", step: configuration.steps, learningRate: learningRate)
    }
    return Candidate(
      learningRate: learningRate, evidence: evidence, mean: posterior.mean, buffers: try model.bufferCopies())
  }
}

/// The independent streams of random numbers that one seed stands for.
enum Streams: UInt64 {
  case trainingNoise = 1
  case evidenceNoise = 2

  /// The stream's own seed: distinct for all (seed, stream), as odd multiplication permutes the 64-bit numbers.
  func seed(_ seed: UInt64) -> UInt64 { (seed &* 4 &+ rawValue) &* 0x9E37_79B9_7F4A_7C15 }
}

import Backbones
import Datasets
import Evidence
import Foundation
import Torch

/// One learning rate, trained to the end, and the evidence for its result.
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
  /// What records the steps of a GPU.
  let recorder: CUDAGraphs?

  /// A candidate's training, at its start or where a checkpoint left it.
  func begin(learningRate: Double, at step: Int = 0, from snapshot: Checkpoint.Snapshot? = nil) throws -> CandidateRun {
    let posterior = IsotropicPosterior(mean: try initialMean.clone(), sigma: configuration.initialSigma)
    let optimizer = try NesterovSGD(like: posterior.mean, sigmaUpdate: configuration.sigmaUpdate)
    if let snapshot {
      func copy(_ values: [Float], to tensor: Tensor) throws {
        try tensor.copy_(try Tensor(values, shape: tensor.shape).to(device: tensor.device))
      }
      try copy(snapshot.mean, to: posterior.mean)
      try copy(snapshot.velocity, to: optimizer.velocity)
      for (values, buffer) in zip(snapshot.buffers, model.buffers) { try copy(values, to: buffer) }
      (posterior.rho, optimizer.rhoVelocity) = (snapshot.rho, snapshot.rhoVelocity)
    } else {
      try model.setBuffers(initialBuffers)
    }
    return try CandidateRun(self, learningRate: learningRate, posterior: posterior, optimizer: optimizer, step: step)
  }
}

/// One candidate's training, step by step, for exactly the configured number of steps.
///
/// All candidates see the same batches, crops and noise.
final class CandidateRun {
  let learningRate: Double
  /// The steps that are done.
  private(set) var step: Int

  private let trainer: CandidateTrainer
  private let posterior: IsotropicPosterior
  private let optimizer: NesterovSGD
  private let schedule: CosineSchedule
  private let rhoSchedule: CosineSchedule
  private let takeStep: VariationalStep
  /// Where batches are made on a GPU, its steps, which take the place of `takeStep`.
  private var blocks: DeviceBlocks?
  /// The term that was not finite in the step after the last.
  private var failure: String?
  private var order: BatchOrder

  init(
    _ trainer: CandidateTrainer, learningRate: Double, posterior: IsotropicPosterior, optimizer: NesterovSGD, step: Int
  ) throws {
    (self.trainer, self.learningRate, self.step) = (trainer, learningRate, step)
    (self.posterior, self.optimizer) = (posterior, optimizer)
    let (configuration, steps) = (trainer.configuration, trainer.configuration.steps)
    schedule = CosineSchedule(peak: learningRate, steps: steps)
    rhoSchedule = CosineSchedule(
      peak: configuration.sigmaUpdate.peakRate(learningRate: learningRate, steps: steps), steps: steps)
    takeStep = VariationalStep(model: trainer.model, objective: trainer.objective)
    order = BatchOrder(count: trainer.data.count, seed: configuration.seed)
    guard let batches = trainer.data.deviceBatches else { return }
    blocks = try DeviceStep(
      model: trainer.model, objective: trainer.objective, posterior: posterior, optimizer: optimizer,
      capacity: DeviceBlocks.length, batchSize: configuration.batchSize, itemWidth: batches.itemWidth,
      input: { try batches.batch($0) }
    ).map {
      DeviceBlocks(
        $0, posterior: posterior, vector: trainer.model.vector,
        seed: Streams.trainingNoise.seed(configuration.seed), recorder: trainer.recorder)
    }
  }

  /// Takes one step, or on a GPU a block of them.
  ///
  /// Throws ``TrainingError/diverged(term:tensor:step:learningRate:kept:)`` where a term is not finite; the posterior is
  /// then as it was before that step. The steps before it in its block are returned first.
  func advance() throws -> [StepReport] {
    if let failure { throw try diverged(failure, step: step + 1) }
    let steps = trainer.configuration.steps
    let outcomes =
      try blocks.map { blocks in
        try blocks.run((step..<min(step + DeviceBlocks.length, steps)).map(plan), from: step)
      } ?? [try stepOfTheHost()]
    let reports = outcomes.prefix(while: \.isApplied).enumerated().map { index, outcome in
      StepReport(
        peakLearningRate: learningRate, learningRate: schedule(step + index), step: step + index + 1, steps: steps,
        terms: outcome.terms, gradientNorm: outcome.gradientNorm)
    }
    step += reports.count
    if reports.count < outcomes.count {
      let terms = outcomes[reports.count].terms
      let term =
        !terms.nll.isFinite ? "data term (mean NLL)" : !terms.kl.isFinite ? "KL term" : "gradient norm"
      guard !reports.isEmpty else { throw try diverged(term, step: step + 1) }
      failure = term
      // A checkpoint must not hold a NaN of the forward pass.
      try trainer.model.setBuffers(trainer.initialBuffers)
    }
    return reports
  }

  /// What went wrong on the GPU and did not end the run, since the last call.
  func takeNotes() -> [String] { blocks?.takeNotes() ?? [] }

  private func items(_ step: Int) -> [(index: Int, epoch: Int)] {
    order.indices(step: step, batchSize: trainer.configuration.batchSize)
  }

  private func stepOfTheHost() throws -> VariationalStep.Outcome {
    let (images, labels) = try trainer.data.batch(items(step), augmentation: trainer.augmentation)
    return try takeStep(
      images: images, labels: labels,
      draws: NormalDraws(seed: Streams.trainingNoise.seed(trainer.configuration.seed), step: UInt64(step)),
      posterior: posterior, optimizer: optimizer, learningRate: schedule(step), rhoLearningRate: rhoSchedule(step))
  }

  private func plan(_ step: Int) -> DeviceStep.Plan {
    DeviceStep.Plan(
      learningRate: schedule(step), rhoLearningRate: rhoSchedule(step),
      items: trainer.data.deviceBatches?.items(items(step), augmentation: trainer.augmentation) ?? [])
  }

  /// The evidence for the posterior, after the last step; the posterior itself stays as it is.
  func evaluate() throws -> Candidate {
    let (model, configuration) = (trainer.model, trainer.configuration)
    try model.vector.set(posterior.mean)
    try model.reestimateBatchNorm(on: trainer.data, batchSize: configuration.batchSize, seed: configuration.seed)
    let evidence = try model.estimateEvidence(
      trainer.objective, posterior: posterior, on: trainer.data,
      seed: Streams.evidenceNoise.seed(configuration.seed), batchSize: configuration.batchSize)
    guard evidence.isFinite else { throw try diverged("objective", step: step) }
    return Candidate(
      learningRate: learningRate, evidence: evidence, mean: posterior.mean, buffers: try model.bufferCopies())
  }

  /// All that further steps depend on.
  func snapshot() throws -> Checkpoint.Snapshot {
    Checkpoint.Snapshot(
      mean: try posterior.mean.floats(), velocity: try optimizer.velocity.floats(), rho: posterior.rho,
      rhoVelocity: optimizer.rhoVelocity, buffers: try trainer.model.buffers.map { try $0.floats() })
  }

  private func diverged(_ term: String, step: Int) throws -> TrainingError {
    let tensor = try trainer.model.nonFiniteTensors(posterior)
    // A step that is not applied leaves its gradients behind, and the next learning rate's would be added to them.
    try trainer.model.vector.gradients.zero_()
    try trainer.model.vector.reducedGradients?.zero_()
    // The statistics may hold a NaN from the forward pass, which a later re-estimation would not lose (0 · NaN).
    try trainer.model.setBuffers(trainer.initialBuffers)
    return .diverged(term: term, tensor: tensor, step: step, learningRate: learningRate, kept: nil)
  }
}

/// The independent streams of random numbers that one seed stands for.
enum Streams: UInt64 {
  case trainingNoise = 1
  case evidenceNoise = 2

  /// The stream's own seed: distinct for all (seed, stream), as odd multiplication permutes the 64-bit numbers.
  func seed(_ seed: UInt64) -> UInt64 { (seed &* 4 &+ rawValue) &* 0x9E37_79B9_7F4A_7C15 }
}

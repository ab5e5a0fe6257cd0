import Backbones
import Baselines
import Datasets
import Evidence
import Foundation
import Torch

/// One learning rate, trained to the end, and the evidence for its result.
final class Candidate {
  let learningRate: Double
  let evidence: EvidenceEstimate
  /// The posterior: its mean and ρ.
  let posterior: PosteriorValues
  /// The running statistics at the posterior mean.
  let buffers: [Tensor]
  /// Those of each draw by which the evidence was estimated; empty where draws have the mean's.
  let drawBuffers: [[[Float]]]

  init(
    learningRate: Double, evidence: EvidenceEstimate, posterior: PosteriorValues, buffers: [Tensor],
    drawBuffers: [[[Float]]]
  ) {
    (self.learningRate, self.evidence, self.posterior) = (learningRate, evidence, posterior)
    (self.buffers, self.drawBuffers) = (buffers, drawBuffers)
  }

  /// Whether its evidence speaks for it rather than for the best so far; a tie is the first's.
  func beats(_ best: Candidate?) -> Bool { evidence.score > best?.evidence.score ?? -.infinity }
}

/// What every candidate shares: the data, the network, where it starts, the objective and the seeds.
struct CandidateTrainer {
  let configuration: FineTuneConfiguration
  let model: Model
  var data: ExampleBatches
  /// The training examples that are not trained on.
  var heldOut: ExampleBatches?
  let objective: DataEmphasizedELBO
  /// As it is before the first step.
  let likelihood: Likelihood
  let initialMean: Tensor
  let initialBuffers: [Tensor]
  let augmentation: Augmentation
  /// What records the steps of a GPU.
  var recorder: CUDAGraphs?

  /// Why the steps of a GPU are taken one by one, as the host's, and not in blocks, in words; none where they are in
  /// blocks.
  var deviceObstacles: [String] {
    [
      ("a gaussian likelihood", likelihood != .categorical), ("--samples", configuration.samples > 1),
      ("--stochastic-depth", configuration.stochasticDepth == true),
      ("the Laplace evidence", configuration.objective == .laplace),
    ].filter(\.1).map(\.0)
      + DeviceStep.obstacles(
        prior: objective.prior, family: configuration.posterior, isPoint: !configuration.hasPosterior)
  }

  /// A candidate's training, at its start or where a checkpoint left it.
  func begin(learningRate: Double, at step: Int = 0, from snapshot: Checkpoint.Snapshot? = nil) throws -> CandidateRun {
    let posterior = try GaussianPosterior(
      configuration.posterior, mean: try initialMean.clone(), blocks: model.vector.blocks,
      sigma: configuration.hasPosterior ? configuration.sigma ?? configuration.initialSigma : 0)
    posterior.isLearned = configuration.hasPosterior && configuration.sigma == nil
    let optimizer = try NesterovSGD(for: posterior, sigmaUpdate: configuration.sigmaUpdate)
    if let snapshot {
      try snapshot.posterior.copy(to: posterior)
      try snapshot.velocity.copy(mean: optimizer.velocity, rhoVector: optimizer.rhoVectorVelocity)
      optimizer.rhoVelocity = snapshot.velocity.rho
      for (values, buffer) in zip(snapshot.buffers, model.buffers) { try buffer.copyFloats(values) }
    } else {
      try model.setBuffers(initialBuffers)
    }
    let run = try CandidateRun(
      self, learningRate: learningRate, posterior: posterior, optimizer: optimizer, step: step)
    if let noise = snapshot?.noise { run.setNoise(noise) }
    if let numbers = snapshot?.precisions { run.precisions = PrecisionSearch(numbers: numbers) }
    return run
  }
}

/// One candidate's training, step by step, for exactly the configured number of steps.
///
/// All candidates see the same batches, crops and noise.
final class CandidateRun {
  let learningRate: Double
  /// The steps that are done.
  private(set) var step: Int
  /// Where a branch of the race leaves the cosine; nil on the way to the end.
  var coolDown: Schedule.CoolDown? {
    didSet { (schedule.coolDown, rhoSchedule.coolDown) = (coolDown, coolDown) }
  }

  let trainer: CandidateTrainer
  let posterior: GaussianPosterior
  private let optimizer: NesterovSGD
  private var schedule: Schedule
  private var rhoSchedule: Schedule
  /// Its likelihood learns with the posterior.
  var takeStep: VariationalStep
  /// LA-LML's precisions on their way; nil for other objectives.
  var precisions: PrecisionSearch? { didSet { applyPrecisions() } }
  /// Where batches are made on a GPU, its steps, which take the place of `takeStep`.
  private var blocks: DeviceBlocks?
  /// The term that was not finite in the step after the last.
  private var failure: String?
  private var order: BatchOrder
  private var seconds = 0.0

  init(
    _ trainer: CandidateTrainer, learningRate: Double, posterior: GaussianPosterior, optimizer: NesterovSGD, step: Int
  ) throws {
    (self.trainer, self.learningRate, self.step) = (trainer, learningRate, step)
    (self.posterior, self.optimizer) = (posterior, optimizer)
    let (configuration, steps) = (trainer.configuration, trainer.configuration.steps)
    schedule = Schedule(CosineSchedule(peak: learningRate, steps: steps))
    let rhoPeak = configuration.sigmaUpdate.peakRate(learningRate: learningRate, steps: steps)
    rhoSchedule = Schedule(CosineSchedule(peak: rhoPeak, steps: steps))
    takeStep = VariationalStep(
      model: trainer.model, objective: trainer.objective, samples: configuration.samples,
      antithetic: configuration.antithetic)
    takeStep.likelihood = trainer.likelihood
    takeStep.dropsBranches = configuration.stochasticDepth == true
    order = BatchOrder(count: trainer.data.count, seed: configuration.seed, lengths: trainer.data.lengths)
    if configuration.objective == .laplace { precisions = PrecisionSearch(blocks: posterior.blocks.count) }
    guard let batches = trainer.data.deviceBatches, trainer.deviceObstacles.isEmpty else { return }
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

  /// Takes one step, or on a GPU a block of them, but no step after `end`, the run's last if it is nil.
  ///
  /// Throws ``TrainingError/diverged(term:tensor:step:learningRate:kept:)`` where a term is not finite; the posterior
  /// is then as it was before that step. The steps before it in its block are returned first.
  func advance(until end: Int? = nil) throws -> [StepReport] {
    let start = ContinuousClock.now
    defer { seconds += (ContinuousClock.now - start).seconds }
    if let failure { throw try diverged(failure, step: step + 1) }
    let steps = trainer.configuration.steps
    let noise = takeStep.likelihood.gaussian?.standardDeviation
    let outcomes =
      try blocks.map { blocks in
        try blocks.run((step..<min(step + DeviceBlocks.length, end ?? steps)).map(plan), from: step)
      } ?? [try stepOfTheHost()]
    let reports = outcomes.prefix(while: \.isApplied).enumerated().map { index, outcome in
      StepReport(
        peakLearningRate: learningRate, learningRate: schedule(step + index), step: step + index + 1, steps: steps,
        terms: outcome.terms, gradientNorm: outcome.gradientNorm, noise: noise, isCooling: coolDown != nil)
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

  /// Whether the step after the last has failed, within its block: ``advance(until:)`` will throw.
  var hasFailed: Bool { failure != nil }

  /// Wall time of the steps since the last call, in seconds.
  func takeSeconds() -> Double {
    defer { seconds = 0 }
    return seconds
  }

  /// What went wrong on the GPU and did not end the run, since the last call.
  func takeNotes() -> [String] { blocks?.takeNotes() ?? [] }

  private func items(_ step: Int) -> [(index: Int, epoch: Int)] {
    order.indices(step: step, batchSize: trainer.configuration.batchSize)
  }

  private func stepOfTheHost() throws -> VariationalStep.Outcome {
    if Self.beginsEpoch(step, batchSize: trainer.configuration.batchSize, examples: trainer.data.count) {
      _ = try tunePrecisions()
    }
    let (inputs, targets) = try trainer.data.batch(items(step), augmentation: trainer.augmentation)
    let outcome = try takeStep(
      inputs: inputs, targets: targets,
      draws: NormalDraws(seed: Streams.trainingNoise.seed(trainer.configuration.seed), step: UInt64(step)),
      posterior: posterior, optimizer: optimizer, learningRate: schedule(step), rhoLearningRate: rhoSchedule(step))
    if outcome.isApplied { takeStep.likelihood.learn(nll: outcome.terms.nll) }
    return outcome
  }

  /// Makes s² what a checkpoint has of it.
  fileprivate func setNoise(_ variance: Double) {
    guard case .gaussian(var noise) = takeStep.likelihood else { return }
    noise.variance = variance
    takeStep.likelihood = .gaussian(noise)
  }

  private func plan(_ step: Int) -> DeviceStep.Plan {
    DeviceStep.Plan(
      learningRate: schedule(step), rhoLearningRate: rhoSchedule(step),
      items: trainer.data.deviceBatches?.items(items(step), augmentation: trainer.augmentation) ?? [])
  }

  /// The evidence for the posterior, after the last step; the posterior itself stays as it is.
  func evaluate() throws -> Candidate {
    if posterior.isPoint { return try evaluatePoint() }
    let (model, configuration) = (trainer.model, trainer.configuration)
    try model.vector.set(posterior.mean)
    try model.reestimateBatchNorm(on: trainer.data, batchSize: configuration.batchSize, seed: configuration.seed)
    let buffers = try model.bufferCopies()
    var drawBuffers: [[[Float]]] = []
    let evidence = try model.estimateEvidence(
      trainer.objective, posterior: posterior, on: trainer.data,
      seed: Streams.evidenceNoise.seed(configuration.seed), samples: configuration.evidenceSamples,
      batchSize: configuration.batchSize, statistics: configuration.drawStatistics, likelihood: takeStep.likelihood
    ) {
      if configuration.drawStatistics == .own { drawBuffers.append(try model.buffers.map { try $0.floats() }) }
    }
    guard evidence.isFinite else { throw try diverged("objective", step: step) }
    try model.setBuffers(buffers)
    return Candidate(
      learningRate: learningRate, evidence: evidence, posterior: try PosteriorValues(posterior), buffers: buffers,
      drawBuffers: drawBuffers)
  }

  /// The objective on some training examples, by which BatchNorm's statistics are estimated as well, at the best of a
  /// few σ; for a branch of the race.
  ///
  /// Early in a run σ lags behind: it learns at a rate of its own, while the mean moves with the candidate's. At that σ
  /// the KL would speak against every rate that moves the mean far, so each candidate is judged at the σ that suits it,
  /// of ``RacePlan/sigmaFactors``. All candidates have the same ε.
  func judge(by examples: ExampleBatches) throws -> EvidenceEstimate {
    let (model, configuration) = (trainer.model, trainer.configuration)
    if configuration.drawStatistics == .mean {
      try model.vector.set(posterior.mean)
      try model.reestimateBatchNorm(on: examples, batchSize: configuration.batchSize, seed: configuration.seed)
    }
    var best: EvidenceEstimate?
    // A σ that is not learned stays as it is.
    for factor in posterior.isLearned ? RacePlan.sigmaFactors : [1] {
      let found = try model.estimateEvidence(
        trainer.objective, posterior: posterior.widened(by: factor), on: examples,
        seed: Streams.evidenceNoise.seed(configuration.seed), samples: 1, batchSize: configuration.batchSize,
        statistics: configuration.drawStatistics, likelihood: takeStep.likelihood)
      // The loss has one minimum in σ.
      guard found.isFinite, found.loss < best?.loss ?? .infinity else { break }
      best = found
    }
    guard let best else { throw try diverged("objective", step: step) }
    return best
  }

  /// All that further steps depend on.
  func snapshot() throws -> Checkpoint.Snapshot {
    Checkpoint.Snapshot(
      posterior: try PosteriorValues(posterior),
      velocity: PosteriorValues(
        mean: try optimizer.velocity.floats(), rho: optimizer.rhoVelocity,
        rhoVector: try optimizer.rhoVectorVelocity?.floats()),
      buffers: try trainer.model.buffers.map { try $0.floats() },
      noise: takeStep.likelihood.gaussian?.variance, precisions: precisions?.numbers)
  }

  func diverged(_ term: String, step: Int) throws -> TrainingError {
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
  case rungExamples = 3

  /// The stream's own seed: distinct for all streams and all seeds below 2⁶², as odd multiplication permutes the 64-bit
  /// numbers; s and s + 2⁶² have the same streams.
  func seed(_ seed: UInt64) -> UInt64 { (seed &* 4 &+ rawValue) &* 0x9E37_79B9_7F4A_7C15 }
}

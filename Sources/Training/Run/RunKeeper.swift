import Foundation
import Weights

/// Keeps a run safe while it goes on: its metrics, its checkpoints, its lease, and requests to stop it.
final class RunKeeper {
  /// Where the run stands, as it will be saved.
  private(set) var state: Checkpoint.State
  /// The newest checkpoint's file and progress.
  private var saved: (file: String, progress: RunProgress)?

  private let model: Model
  private let configuration: FineTuneConfiguration
  private let interval: CheckpointInterval
  private let folder: CheckpointFolder
  private let metrics: MetricsFile
  private let events: RunEvents
  private let lease: Lease
  private let interruption: Interruption?
  private let runStart: ContinuousClock.Instant
  private var candidateStart = ContinuousClock.now
  private var lastSave = ContinuousClock.now
  private var secondsBefore = (run: 0.0, candidate: 0.0)

  /// The race, where the learning rates race.
  var race: RaceState { state.race ?? RaceState(candidates: 0) }

  /// How many of a race's candidates are still to be trained to the end, the one on its way there included.
  var finalistsLeft: Int { max(0, (configuration.finalists ?? 1) - state.reports.count) }

  /// Goes on from a checkpoint, if there is one; `start` is when this process began with the run.
  init(
    _ run: RunFolder, from found: CheckpointFolder.Found?, model: Model, configuration: FineTuneConfiguration,
    interval: CheckpointInterval, lease: Lease, interruption: Interruption?, start: ContinuousClock.Instant
  ) throws {
    state =
      found?.checkpoint.state
      ?? Checkpoint.State(
        candidate: 0, step: 0, seconds: 0, candidateSeconds: 0, reports: [], metricsBytes: 0,
        race: configuration.race == true ? RaceState(candidates: configuration.learningRates.count) : nil,
        trainedSteps: 0)
    (self.model, self.configuration, self.interval) = (model, configuration, interval)
    (self.lease, self.interruption, runStart) = (lease, interruption, start)
    folder = CheckpointFolder(path: run.checkpoints)
    secondsBefore = (state.seconds, state.candidateSeconds)
    metrics = try MetricsFile(path: run.metrics, keeping: state.metricsBytes)
    events = try RunEvents(run, keeping: found == nil ? nil : state.eventsBytes, configuration: configuration)
    saved = found.map { ($0.file, progress) }
    // A checkpoint in a folder, or of a metrics file, that a crash takes away would be lost with it.
    try AtomicFile.syncFolder(run.path)
  }

  /// Wall time of the run, from its first process to now.
  var seconds: Double { secondsBefore.run + (ContinuousClock.now - runStart).seconds }
  /// Wall time of the learning rate in training.
  var candidateSeconds: Double { secondsBefore.candidate + (ContinuousClock.now - candidateStart).seconds }

  /// Training begins: what came before counts for the run, and not for the learning rate.
  func trainingBegins() { candidateStart = .now }

  /// Where the run stands, in words.
  var progress: RunProgress {
    let rates = configuration.learningRates
    return RunProgress(
      lr: rates.indices.contains(state.candidate) ? rates[state.candidate] : nil, step: state.step,
      steps: configuration.steps, leg: state.race.map { $0.legsDone + 1 })
  }

  /// Notes steps, and saves where one of them says that it is time to, at the last step, and where a stop was
  /// requested.
  ///
  /// The steps of a branch are not told in `metrics.jsonl`, and those that a candidate repeats are not told again.
  /// Throws `Interrupted` after such a request.
  func record(_ reports: [StepReport], of run: CandidateRun) throws {
    try lease.check()
    let known = state.race?.step(reachedBy: state.candidate) ?? 0
    try storing {
      for report in reports where !report.isCooling && report.step > known {
        try tell(MetricsLine(report))
      }
    }
    state.step = run.step
    state.trainingSeconds = (state.trainingSeconds ?? 0) + run.takeSeconds()
    state.trainedSteps = state.trainedSteps.map { $0 + reports.count }
    let isDue =
      switch interval {
      case .steps(let steps): reports.contains { $0.step % steps == 0 }
      case .seconds(let seconds): (ContinuousClock.now - lastSave).seconds >= seconds
      }
    // A block's steps before one that failed lead nowhere: the checkpoint before them tells it again.
    if run.hasFailed { return }
    let isStopping = interruption?.isRequested == true
    if isDue || isStopping || run.step == configuration.steps { try save(run) }
    try interruption?.check()
  }

  /// Keeps the candidate of a race at its rung's step, and saves; it may then leave as a branch.
  func keep(_ run: CandidateRun) throws {
    try lease.verify()
    let name = try storing {
      try folder.keep(
        Checkpoint(state: state, snapshot: try run.snapshot()), leg: race.legsDone, network: model.network)
    }
    state.race?.keep(name)
    try save(nil)
    try interruption?.check()
  }

  /// The training of a race's candidate that was kept; nil where it begins at the first step.
  func kept(_ candidate: Int) throws -> Checkpoint.Snapshot? {
    try race.kept[candidate].flatMap { try folder.kept($0, network: model.network) }
  }

  /// Saves a run where what `body` does with it is interrupted; that has changed nothing so far that further steps
  /// depend on, such as a branch's judgement, behind which only running statistics may be others.
  func saving<Result>(_ run: CandidateRun, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as Interrupted {
      try save(run)
      throw error
    }
  }

  /// Notes how a candidate of the race was judged, and saves; the next leg begins.
  func record(_ report: RungReport, plan: RacePlan) throws {
    try lease.check()
    try storing {
      try tell(MetricsLine(report))
    }
    state.race?.end(report, plan: plan)
    try endLeg()
  }

  /// Notes a learning rate that is done, and saves; `best` is its candidate where none before was better.
  func record(_ report: LearningRateCandidate, best: Candidate?) throws {
    try lease.check()
    try storing {
      try tell(MetricsLine(report))
      if let best {
        try lease.verify()
        state.best = try folder.saveBest(best, index: state.candidate, network: model.network)
      }
    }
    state.reports.append(report)
    let isOver = state.best != nil && finalistsLeft == 0
    state.race?.endLast(isOver: isOver)
    try endLeg()
  }

  private func tell(_ line: MetricsLine) throws {
    try metrics.append(line)
    try events.append(line)
  }

  /// Goes to the next learning rate, or the next leg of the race.
  private func endLeg() throws {
    if let race = state.race {
      state.candidate = race.candidate ?? configuration.learningRates.count
      state.step = race.candidate.map(race.start) ?? 0
    } else {
      (state.candidate, state.step) = (state.candidate + 1, 0)
    }
    (secondsBefore.candidate, candidateStart) = (0, .now)
    try save(nil)
  }

  /// Saves the state of a learning rate's training, or that between two, or that after a candidate was kept.
  ///
  /// - Returns: the checkpoint's file.
  @discardableResult
  func save(_ run: CandidateRun?) throws -> String {
    try lease.verify()
    state.seconds = seconds
    state.candidateSeconds = candidateSeconds
    (state.metricsBytes, state.eventsBytes) = (metrics.bytes, events.bytes)
    let checkpoint = Checkpoint(state: state, snapshot: try run?.snapshot())
    let file = try storing {
      try metrics.sync()
      try events.sync()
      return try folder.save(checkpoint, network: model.network)
    }
    (saved, lastSave) = ((file, progress), .now)
    return file
  }

  /// Writes what the run made and its result, the summary last; then the checkpoints have done their work.
  func finish(in run: RunFolder, _ body: () throws -> FineTuneResult) throws -> FineTuneResult {
    try lease.verify()
    let result = try storing {
      try metrics.sync()
      let result = try body()
      try events.finish(result, metrics: run.readMetrics())
      try AtomicFile.write(JSON.document(result), to: run.summary)
      return result
    }
    folder.remove()
    return result
  }

  /// Adds to an error of storage what is kept.
  private func storing<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as AtomicFileError {
      let kept = saved.map { "All up to \($0.progress) is kept." } ?? "Nothing had been saved yet."
      throw TrainingError.notSaved(path: error.path, reason: error.reason, kept: kept)
    }
  }
}

import Foundation
import Torch
import Training

/// A comparison of methods: a folder of trials, on which several processes may work.
///
/// ```swift
/// var configuration = StudyConfiguration(
///   data: "flowers", model: "resnet50", weights: "resnet50.safetensors", methods: [.deELBO, .mapGrid])
/// try configuration.resolve()
/// let study = try Study(configuration, in: StudyFolder("study"))
/// try study.work()
/// let rows = MethodSummary.summaries(of: try study.folder.records())
/// ```
public struct Study: Sendable {
  /// Where it lies.
  public let folder: StudyFolder
  /// What is compared.
  public let configuration: StudyConfiguration

  /// Begins a study in a new or empty folder, or joins the one that is there.
  ///
  /// The configuration is one that ``StudyConfiguration/resolve(kappaWords:)`` filled. Throws ``StudyError``, and
  /// `TrainingError`.
  public init(_ configuration: StudyConfiguration, in folder: StudyFolder) throws {
    try configuration.validate()
    (self.folder, self.configuration) = (folder, configuration)
    try folder.begin(configuration)
  }

  /// What a study tells while it goes on.
  public enum Event: Sendable {
    /// A trial begins, or goes on.
    case began(TrialRecord)
    /// What its run tells.
    case run(TrialRecord, FineTuneEvent)
    /// A trial is done, or has failed.
    case ended(TrialRecord)
    /// All that can be done now is being done by other processes.
    case waiting
  }

  /// Works until every trial of the study has ended, whichever process ended it.
  ///
  /// A run that diverges is a failed trial, and the study goes on. Throws ``StudyError`` and what a run throws. Where a
  /// stop was requested that is `TrainingError.interrupted` in a run, and between two
  /// ``StudyError/interrupted(path:)``; after either, another call goes on.
  public func work(
    interruption: Interruption? = nil, onEvent: (Event) throws -> Void = { _ in }
  ) throws {
    let plan = StudyPlan(configuration: configuration)
    var cache: [String: TrialRecord] = [:]
    var isWaiting = false
    while true {
      if interruption?.isRequested == true { throw StudyError.interrupted(path: folder.path) }
      switch try claim(plan, &cache) {
      case .finished: return
      case .wait(let held):
        if !isWaiting { try onEvent(.waiting) }
        isWaiting = true
        try wait(for: held)
      case .claimed(let trial, let lease):
        isWaiting = false
        defer { folder.release(lease, of: trial.id) }
        try onEvent(.began(trial))
        let ended = try run(trial, cache, interruption) { try onEvent(.run(trial, $0)) }
        try onEvent(.ended(try end(ended, plan, lease, &cache)))
      }
    }
  }

  // MARK: Claiming

  private enum Claim {
    case claimed(TrialRecord, Lease)
    case wait([String])
    case finished
  }

  /// The first trial that may be worked on and that no other process holds; it is noted as running.
  private func claim(_ plan: StudyPlan, _ cache: inout [String: TrialRecord]) throws -> Claim {
    try folder.locked {
      let records = try folder.records(&cache)
      var held: [String] = []
      var isFinished = true
      for seed in configuration.seeds {
        for method in configuration.works {
          let outlook = plan.outlook(of: method, seed: seed, after: records)
          if outlook != .finished { isFinished = false }
          guard case .open(let trials) = outlook else { continue }
          for trial in trials {
            guard let lease = try folder.claim(trial.id) else {
              held.append(trial.id)
              continue
            }
            var trial = trial
            trial.status = .running
            try folder.write(trial)
            return .claimed(trial, lease)
          }
        }
      }
      return isFinished ? .finished : .wait(held)
    }
  }

  /// Waits until something may have changed; the holders of trials on other machines are watched, so that one that is
  /// gone is told.
  private func wait(for held: [String]) throws {
    usleep(250_000)
    for id in held {
      // One that could be held is free now, and is claimed in order.
      if let lease = try folder.claim(id, watches: true) {
        folder.release(lease, of: id)
        return
      }
    }
  }

  // MARK: Running

  /// Makes the run of a trial, and gathers what came of it.
  private func run(
    _ trial: TrialRecord, _ cache: [String: TrialRecord], _ interruption: Interruption?,
    _ onEvent: (FineTuneEvent) throws -> Void
  ) throws -> TrialRecord {
    if trial.studyMethod == .laCLML && trial.stage == .search { return try judge(trial, cache) }
    let start = ContinuousClock.now
    var record = trial
    do {
      let options = try configuration.options(of: trial, out: folder.run(of: trial.id).path)
      record.take(try FineTuner(options).run(interruption: interruption, onEvent: onEvent))
      record.status = .done
    } catch let error as TrainingError {
      guard let failure = error.divergence else { throw error }
      (record.status, record.failure) = (.failed, failure)
      record.seconds = (ContinuousClock.now - start) / .seconds(1)
    }
    return record
  }

  /// The conditional evidence of a run of the grid; its time is that run's and the judgement's.
  ///
  /// That has ended, and so is among the records that were read already.
  private func judge(_ trial: TrialRecord, _ cache: [String: TrialRecord]) throws -> TrialRecord {
    let id = MethodTrials.gridID(of: trial)
    guard let run = cache[id] else {
      throw StudyError.unreadableTrial(path: folder.run(of: id).path, reason: "is missing")
    }
    let start = ContinuousClock.now
    let options = try configuration.options(of: run, out: "")
    try Runtime.start(threads: options.threads)
    let judgement = try ConditionalLaplace(
      folder.run(of: id), data: configuration.data, weights: configuration.weights,
      device: try options.device.resolved())
    var record = run
    (record.id, record.method, record.finishedAfter) = (trial.id, trial.method, nil)
    record.values["temperature"] = judgement.temperature
    record.score = -judgement.conditionalLogMarginalLikelihood
    if record.score?.isFinite != true {
      (record.status, record.failure, record.score) = (.failed, "every draw of its posterior overflows", nil)
    }
    record.seconds = (run.seconds ?? 0) + (ContinuousClock.now - start) / .seconds(1)
    return record
  }

  /// Notes a trial that has ended, and removes the networks that nothing needs any more.
  private func end(
    _ ended: TrialRecord, _ plan: StudyPlan, _ lease: Lease, _ cache: inout [String: TrialRecord]
  ) throws -> TrialRecord {
    try folder.locked {
      try lease.check()
      var record = ended
      let before = try folder.records(&cache).filter {
        $0.method == record.method && $0.seed == record.seed && $0.hasEnded && $0.id != record.id
      }
      record.finishedAfter = before.reduce(record.seconds ?? 0) { $0 + ($1.seconds ?? 0) }
      try folder.write(record)
      try folder.note(record)
      let records = try folder.records(&cache)
      for other in records where plan.isModelSpent(other, after: records) { folder.removeModel(of: other.id) }
      return record
    }
  }
}

extension TrainingError {
  /// What is said of a run that diverged, whose last good state is not kept; nil for another error.
  fileprivate var divergence: String? {
    switch self {
    case .diverged(let term, let tensor, let step, let learningRate, _):
      "\(TrainingError.diverged(term: term, tensor: tensor, step: step, learningRate: learningRate, kept: nil))"
    case .allCandidatesDiverged: "\(self)"
    default: nil
    }
  }
}

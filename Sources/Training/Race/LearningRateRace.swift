import Datasets
import Foundation

/// Races the candidates through a plan's rungs, and trains the finalists to the end.
struct LearningRateRace: CandidateCourse {
  let trainer: CandidateTrainer
  let keeper: RunKeeper
  let plan: RacePlan
  /// What rungs judge by.
  private let examples: ExampleBatches

  init(trainer: CandidateTrainer, keeper: RunKeeper, plan: RacePlan) {
    (self.trainer, self.keeper, self.plan) = (trainer, keeper, plan)
    examples = trainer.data.balanced(plan.examples, seed: Streams.rungExamples.seed(trainer.configuration.seed))
  }

  /// Begins, or goes on where the keeper stands: `snapshot` is the training that was under way, `best` the best of the
  /// finalists that have arrived.
  ///
  /// Where all finalists diverge on their way to the end, the next best takes their place. Throws
  /// ``TrainingError/allCandidatesDiverged(_:)``.
  func run(
    from snapshot: Checkpoint.Snapshot?, best: Candidate?, _ onEvent: (FineTuneEvent) throws -> Void
  ) throws -> Candidate {
    let steps = trainer.configuration.steps
    var (snapshot, best) = (snapshot, best)
    var estimate = TimeEstimate(
      stepsLeft: keeper.race.stepsLeft(
        after: keeper.state.step, plan: plan, steps: steps, finalists: keeper.finalistsLeft))
    while let candidate = keeper.race.candidate {
      let run = try trainer.begin(
        learningRate: trainer.configuration.learningRates[candidate], at: keeper.state.step,
        from: try snapshot ?? keeper.kept(candidate))
      snapshot = nil
      let rung = keeper.race.rung
      if rung < plan.rungs.count {
        try race(run, rung, &estimate, onEvent)
      } else {
        best = try arrive(run, best: best, &estimate, onEvent)
      }
    }
    guard let best else { throw TrainingError.allCandidatesDiverged(trainer.configuration.learningRates) }
    return best
  }

  /// A leg to a rung and its judgement.
  private func race(
    _ run: CandidateRun, _ number: Int, _ estimate: inout TimeEstimate, _ onEvent: (FineTuneEvent) throws -> Void
  ) throws {
    let rung = plan.rungs[number]
    var report = RungReport(rung: number + 1, step: rung.step, lr: run.learningRate)
    do {
      if !keeper.race.isCooling {
        try train(run, until: rung.step, &estimate, onEvent)
        try keeper.keep(run)
      }
      run.coolDown = Schedule.CoolDown(start: rung.step, steps: rung.coolDown)
      try train(run, until: rung.step + rung.coolDown, &estimate, onEvent)
      let judgement = try keeper.saving(run) { try run.judge(by: examples) }
      (report.loss, report.sigma) = (judgement.loss, judgement.sigma)
      report.nll = -judgement.logLikelihood / Double(trainer.objective.examples)
    } catch let error as TrainingError {
      guard case .diverged = error else { throw error }
      report.failure = "\(error)"
    }
    report.seconds = keeper.candidateSeconds
    try keeper.record(report, plan: plan)
    try onEvent(.rung(report))
  }

  /// The last leg, to the end of the run; the best of those that have arrived, nil where there is none.
  private func arrive(
    _ run: CandidateRun, best: Candidate?, _ estimate: inout TimeEstimate, _ onEvent: (FineTuneEvent) throws -> Void
  ) throws -> Candidate? {
    let (best, hasDiverged) = try finish(run, best: best, &estimate, onEvent)
    if hasDiverged, let next = keeper.race.candidate {
      let rate = trainer.configuration.learningRates[next]
      try onEvent(
        .note(
          "learning rate \(run.learningRate) diverged on its way to the end; the next best of the race, \(rate), goes on from step \(keeper.state.step)"
        ))
    }
    return best
  }
}

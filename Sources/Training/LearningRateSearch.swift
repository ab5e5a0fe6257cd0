/// Trains every candidate from the same start and keeps the one with the highest score: for the DE-ELBO its evidence.
struct LearningRateSearch {
  let trainer: CandidateTrainer
  let keeper: RunKeeper

  /// Begins, or goes on where the keeper stands: `snapshot` is the training that was under way, `best` the best of the
  /// candidates that are done.
  ///
  /// Throws ``TrainingError/diverged(term:tensor:step:learningRate:kept:)`` where there is one learning rate only, and
  /// ``TrainingError/allCandidatesDiverged(_:)``.
  func run(
    from snapshot: Checkpoint.Snapshot?, best: Candidate?, _ onEvent: (FineTuneEvent) throws -> Void
  ) throws -> Candidate {
    let rates = trainer.configuration.learningRates
    var (snapshot, best) = (snapshot, best)
    var estimate = TimeEstimate(
      stepsLeft: trainer.configuration.steps * (rates.count - keeper.state.candidate) - keeper.state.step)
    for rate in rates[keeper.state.candidate...] {
      var report = LearningRateCandidate(lr: rate, loss: nil, seconds: 0, failure: nil)
      var isBest = false
      let run = try trainer.begin(learningRate: rate, at: keeper.state.step, from: snapshot)
      snapshot = nil
      do {
        while run.step < trainer.configuration.steps {
          let steps = try keeper.saving(run) { try run.advance() }
          for note in run.takeNotes() { try onEvent(.note(note)) }
          try keeper.record(steps, of: run)
          for step in steps {
            try onEvent(.step(step))
            if let seconds = estimate.secondsLeft() { try onEvent(.estimate(secondsLeft: seconds)) }
          }
        }
        let candidate = try run.evaluate()
        report.tell(candidate.evidence)
        isBest = candidate.beats(best)
        if isBest { best = candidate }
      } catch TrainingError.diverged(let term, let tensor, let step, let learningRate, _) {
        var kept: String?
        if rates.count == 1 { kept = run.step > 0 ? try keeper.save(run) : nil }
        let error = TrainingError.diverged(
          term: term, tensor: tensor, step: step, learningRate: learningRate, kept: kept)
        if rates.count == 1 { throw error }
        report.failure = "\(error)"
      }
      report.seconds = keeper.candidateSeconds
      try keeper.record(report, best: isBest ? best : nil)
      try onEvent(.candidate(report))
    }
    guard let best else { throw TrainingError.allCandidatesDiverged(rates) }
    return best
  }
}

/// What a search for the learning rate and a race have in common: how a candidate is trained, and how it arrives.
protocol CandidateCourse {
  var trainer: CandidateTrainer { get }
  var keeper: RunKeeper { get }
}

extension CandidateCourse {
  /// Trains a candidate until so many of its steps are done; each is told, and saved where it is time to.
  func train(
    _ run: CandidateRun, until end: Int, _ estimate: inout TimeEstimate, _ onEvent: (FineTuneEvent) throws -> Void
  ) throws {
    while run.step < end {
      let steps = try keeper.saving(run) { try run.advance(until: end) }
      for note in run.takeNotes() { try onEvent(.note(note)) }
      try keeper.record(steps, of: run)
      for step in steps {
        try onEvent(.step(step))
        if let seconds = estimate.secondsLeft() { try onEvent(.estimate(secondsLeft: seconds)) }
      }
    }
  }

  /// Trains a candidate to the end of the run, and tells and notes what comes of it; `best` is the best of those
  /// before.
  ///
  /// One that diverges loses, unless it is the only one: then its error is thrown, and nothing is told.
  func finish(
    _ run: CandidateRun, best: Candidate?, _ estimate: inout TimeEstimate, _ onEvent: (FineTuneEvent) throws -> Void
  ) throws -> (best: Candidate?, hasDiverged: Bool) {
    var report = LearningRateCandidate(lr: run.learningRate, loss: nil, seconds: 0, failure: nil)
    var better: Candidate?
    do {
      try train(run, until: trainer.configuration.steps, &estimate, onEvent)
      let candidate = try run.evaluate()
      report.record(candidate.evidence)
      if candidate.beats(best) { better = candidate }
    } catch let error as TrainingError {
      guard case .diverged = error, trainer.configuration.learningRates.count > 1 else { throw error }
      report.failure = "\(error)"
    }
    report.seconds = keeper.candidateSeconds
    try keeper.record(report, best: better)
    try onEvent(.candidate(report))
    return (better ?? best, report.failure != nil)
  }
}

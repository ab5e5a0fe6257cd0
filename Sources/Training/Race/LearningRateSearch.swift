/// Trains every candidate from the same start and keeps the one with the highest score: for the DE-ELBO its evidence.
struct LearningRateSearch: CandidateCourse {
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
      let run = try trainer.begin(learningRate: rate, at: keeper.state.step, from: snapshot)
      snapshot = nil
      do {
        best = try finish(run, best: best, &estimate, onEvent).best
      } catch TrainingError.diverged(let term, let tensor, let step, let learningRate, _) {
        // The only one.
        let kept = run.step > 0 ? try keeper.save(run) : nil
        throw TrainingError.diverged(term: term, tensor: tensor, step: step, learningRate: learningRate, kept: kept)
      }
    }
    guard let best else { throw TrainingError.allCandidatesDiverged(rates) }
    return best
  }
}

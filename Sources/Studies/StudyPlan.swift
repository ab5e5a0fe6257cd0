/// What a study is to do next, as a function of its trials so far: no state, so a study that was killed goes on as if
/// it had not been.
package struct StudyPlan {
  package let configuration: StudyConfiguration

  /// The plan of a study.
  package init(configuration: StudyConfiguration) { self.configuration = configuration }

  /// What is left of a method under a seed.
  package enum Outlook: Equatable {
    /// These may be worked on now: those that have begun first. Never empty.
    case open([TrialRecord])
    /// Nothing, until trials of other methods have ended.
    case waiting
    case finished
  }

  /// What is left of a method under a seed, after all trials of the study.
  package func outlook(of method: StudyMethod, seed: UInt64, after records: [TrialRecord]) -> Outlook {
    let ofSeed = records.filter { $0.seed == seed }
    let trials = MethodTrials(
      configuration: configuration, method: method, seed: seed,
      records: ofSeed.filter { $0.studyMethod == method })
    switch method {
    case .deELBO, .elbo, .laLML, .linearProbe: return trials.each([trials.trial("final", .final, [:])])
    case .kappa:
      return trials.each(
        configuration.kappas.enumerated().map { trials.trial("k\($0 + 1)", .search, ["kappa": $1]) })
    case .selection:
      return trials.each([
        trials.trial("elbo", .search, ["kappa": 1]),
        trials.trial("de-elbo", .search, ["kappa": configuration.emphasis]),
      ])
    case .mapGrid: return trials.grid()
    case .mapBO: return trials.bayesian()
    case .mapASHA: return trials.asha()
    case .laCLML: return trials.conditional(on: ofSeed.filter { $0.studyMethod == .mapGrid })
    }
  }

  /// Whether a run's network is no longer needed.
  ///
  /// Only the one model that a method ends with stays; the conditional evidence still wants those of the grid.
  package func isModelSpent(_ trial: TrialRecord, after records: [TrialRecord]) -> Bool {
    guard trial.hasEnded, trial.stage == .search else { return false }
    guard trial.studyMethod == .mapGrid, configuration.methods.contains(.laCLML) else { return true }
    let judged = MethodTrials.conditionalID(of: trial)
    return trial.status == .failed || !trial.isProper || records.contains { $0.id == judged && $0.hasEnded }
  }
}

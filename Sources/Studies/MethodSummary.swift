import Foundation

/// What came of a method, over its seeds: a row of a study's table.
public struct MethodSummary: Codable, Sendable, Equatable {
  /// The method's name.
  public var method: String
  /// κ, of a run of the sweep or of the figure.
  public var sweptKappa: Double?
  /// The seeds under which it has a result, of an unfinished search the best so far.
  public var seeds: Int
  /// Trials that failed, in all.
  public var failed: Int
  /// The mean over seeds of the test split's metrics, at the result.
  public var accuracy, balancedAccuracy, nll: Double?
  /// Trials that ended for each seed, searches and the final one together.
  public var runs: Double
  /// Hours of all its trials that ended, for each seed.
  public var hours: Double
  /// Training steps of all its trials that were done, for each seed; nil where that of a trial is not known.
  public var trainedSteps: Double?
  /// How many times the hours of `map-grid` are its own; nil unless both are finished.
  public var speedUp: Double?
  /// The learning rate, λ and τ that it ended with, by geometric means; nil where it has none under a seed.
  public var lr, lambda, tau: Double?
  /// The strengths in a MAP loss that they come to, α = 1/(κNλ) and β = 1/(κNτ); of MAP methods those that were chosen.
  public var alpha, beta: Double?

  /// The rows of a study, in the order of ``StudyMethod``.
  public static func summaries(of records: [TrialRecord]) -> [MethodSummary] {
    func outcome(_ method: StudyMethod) -> MethodOutcome {
      MethodOutcome(method.rawValue, records.filter { $0.studyMethod == method })
    }
    let grid = outcome(.mapGrid)
    return StudyMethod.allCases.map(outcome).filter { !$0.records.isEmpty }.flatMap { outcome -> [MethodSummary] in
      guard [.kappa, .selection].contains(StudyMethod(rawValue: outcome.name)) else {
        return [MethodSummary(outcome, beside: grid)]
      }
      return Set(outcome.records.compactMap { $0.values["kappa"] }).sorted().map { kappa in
        var row = MethodSummary(
          MethodOutcome(outcome.name, outcome.records.filter { $0.values["kappa"] == kappa }), beside: grid)
        row.sweptKappa = kappa
        return row
      }
    }
  }

  /// A method's row; where it and the grid search are finished, with the speed-up.
  package init(_ outcome: MethodOutcome, beside grid: MethodOutcome?) {
    /// A zero of the grid has no logarithm: such a mean is 0.
    func geometric(_ value: (TrialRecord) -> Double?) -> Double? {
      let values = outcome.results.map(value)
      return values.contains(nil) ? nil : MethodOutcome.mean(values.compactMap { $0 }.map { log($0) }).map { exp($0) }
    }
    method = outcome.name
    seeds = outcome.results.count
    failed = outcome.records.count { $0.status == .failed }
    accuracy = outcome.mean { $0.test?.accuracy }
    balancedAccuracy = outcome.mean { $0.test?.balancedAccuracy }
    nll = outcome.mean { $0.test?.nll }
    runs = MethodOutcome.mean(outcome.seeds.map { Double(outcome.ended($0).count) }) ?? 0
    hours = (outcome.meanSeconds ?? 0) / 3600
    trainedSteps = outcome.meanSteps
    if outcome.isFinished, let grid, grid.isFinished, let own = outcome.meanSeconds, let whole = grid.meanSeconds {
      speedUp = whole / own
    }
    lr = geometric { $0.learningRate }
    lambda = geometric { $0.lambda }
    tau = geometric { $0.tau }
    alpha = geometric { $0.alpha }
    beta = geometric { $0.beta }
  }
}

import Training

/// Both objectives over the steps of one run: what the figure `selection` draws.
///
/// From each step's NLL and KL the objective at any κ follows. Per example, and in units of the log likelihood, it is
/// J/(κN) = −NLL − KL/(κN).
public struct SelectionCurve: Sendable, Equatable {
  /// The run's trial.
  public var trial: TrialRecord
  /// Every step at the learning rate that was taken.
  public var steps: [MetricsLine]

  /// J/(κN) at a step, for any κ; nil where the line lacks a term.
  public func objective(at step: MetricsLine, kappa: Double) -> Double? {
    guard let nll = step.nll, let kl = step.kl, let n = trial.n else { return nil }
    return -nll - kl / (kappa * Double(n))
  }

  /// The steps of a trial's run that lies in a folder.
  public init(of trial: TrialRecord, in run: RunFolder) {
    self.trial = trial
    let rate = trial.learningRate
    steps = run.readMetrics().filter { $0.event == "step" && $0.candidate == rate }
  }
}

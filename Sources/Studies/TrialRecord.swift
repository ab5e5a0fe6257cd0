import Training

/// One trial of a study: a run of a method with given hyperparameters, and what came of it.
public struct TrialRecord: Codable, Sendable, Equatable {
  /// What a trial is for.
  public enum Stage: String, Codable, Sendable, CaseIterable {
    /// One of those that a search chooses among, trained on a part of the data if the method holds some out.
    case search
    /// The method's result: the one model that its user would take.
    case final
  }

  /// How far a trial has come.
  public enum Status: String, Codable, Sendable, CaseIterable {
    case waiting, running, done, failed
  }

  /// Its name, unique in the study, which is also its folder's.
  public var id: String
  /// The method's name, such as `map-grid`.
  public var method: String
  /// From which the subset, the head, the order and the noise are drawn.
  public var seed: UInt64
  /// What it is for.
  public var stage: Stage
  /// What was chosen for it: `lr`, `alpha`, `beta`, `kappa`, …; nothing that it learns.
  public var values: [String: Double]
  /// Optimisation steps.
  public var steps: Int
  /// How far it has come.
  public var status: Status
  /// Why it failed, where it did.
  public var failure: String?
  /// N, the examples it was trained on.
  public var n: Int?
  /// D, the parameters that it trained.
  public var d: Int?
  /// Wall time from its start to a usable model, evaluation included, in seconds.
  public var seconds: Double?
  /// Wall time of the steps alone, in seconds.
  public var trainingSeconds: Double?
  /// The steps that it took, of all its learning rates; nil in trials of older versions.
  public var trainedSteps: Int?
  /// Seconds of all trials of this method and seed up to this one, in the order in which they ended: its place on the
  /// axis of hours.
  public var finishedAfter: Double?
  /// What its method selects by; the lowest is best.
  public var score: Double?
  /// The metrics of the part that was held out, where some was.
  public var validation: ClassificationMetrics?
  /// The metrics of the test split at the posterior mean.
  public var test: ClassificationMetrics?
  /// The data's weight in the objective.
  public var kappa: Double?
  /// λ, learned or given.
  public var lambda: Double?
  /// τ, learned or given.
  public var tau: Double?
  /// σ, where there is one.
  public var sigma: Double?
  /// The learning rate that the run found, where it was not given.
  public var lr: Double?

  /// A trial that has not begun.
  public init(id: String, method: String, seed: UInt64, stage: Stage, values: [String: Double], steps: Int) {
    (self.id, self.method, self.seed, self.stage) = (id, method, seed, stage)
    (self.values, self.steps, status) = (values, steps, .waiting)
  }
}

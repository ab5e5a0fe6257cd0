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

extension TrialRecord {
  /// Whether nothing more will come of it.
  public var hasEnded: Bool { status == .done || status == .failed }

  /// Its method; nil for one that this version does not know.
  public var studyMethod: StudyMethod? { StudyMethod(rawValue: method) }

  /// The learning rate it was given, or found.
  public var learningRate: Double? { values["lr"] ?? lr }

  /// α of the MAP loss: given, or 1/(κNλ) from what was learned.
  public var alpha: Double? { values["alpha"] ?? strength(lambda) }

  /// β of the MAP loss: given, α where the two are one, or 1/(κNτ) from what was learned.
  public var beta: Double? { values["beta"] ?? values["alpha"] ?? strength(tau) }

  private func strength(_ scale: Double?) -> Double? {
    guard let kappa, let n, let scale, scale > 0 else { return nil }
    return 1 / (kappa * Double(n) * scale)
  }

  /// Whether α and β are positive: a flat prior has no evidence.
  var isProper: Bool { ["alpha", "beta", "lambda"].allSatisfy { values[$0].map { $0 > 0 } ?? true } }
}

extension TrialRecord {
  /// Takes over what a run found.
  mutating func take(_ result: FineTuneResult) {
    (n, d, kappa) = (result.n, result.d, result.kappa)
    (seconds, trainingSeconds, trainedSteps) = (result.seconds, result.trainingSeconds, result.trainedSteps)
    (lambda, tau, sigma) = (result.lambda, result.tau, result.sigma > 0 ? result.sigma : nil)
    if values["lr"] == nil { lr = result.lr }
    (validation, test) = (result.validation, result.test)
    if stage == .search {
      // Hundreds of them are read again and again.
      validation?.removeDetails()
      test?.removeDetails()
    }
    switch studyMethod {
    case .mapGrid, .mapBO, .mapASHA: score = result.validation?.nll
    case .laLML: score = result.logMarginalLikelihood.map { -$0 / Double(result.n) }
    case .laCLML: break
    case .deELBO, .elbo, .linearProbe, .kappa, .selection, nil: score = result.loss
    }
    // Outputs that are not finite are no result to choose by.
    score = score.flatMap { $0.isFinite ? $0 : nil }
  }
}

extension ClassificationMetrics {
  /// Leaves the numbers of the whole split.
  fileprivate mutating func removeDetails() {
    (reliability, classes, perClassAccuracy, confusion) = (nil, nil, nil, nil)
  }
}

import Evidence

/// What a run tells while it goes on.
public enum FineTuneEvent: Sendable {
  /// Something the user should know, in words.
  case note(String)
  /// Images decoded so far of a split.
  case decoding(split: String, done: Int, total: Int)
  /// The folder holds the finished run of this very configuration: nothing is done.
  case alreadyFinished(run: String)
  /// Training begins, or goes on: what is trained on what.
  case started(FineTuneSetup)
  /// One optimisation step of one candidate.
  case step(StepReport)
  /// The time left, estimated after 20 steps of this process, for all candidates.
  case estimate(secondsLeft: Double)
  /// A candidate was trained and evaluated.
  case candidate(LearningRateCandidate)
}

/// The numbers that training starts with.
public struct FineTuneSetup: Sendable, Equatable {
  /// N, the number of training examples.
  public var examples: Int
  /// The number of classes; nil where numbers are predicted.
  public var classes: Int?
  /// D, the number of trainable parameters.
  public var parameters: Int
  /// The data's weight in the objective.
  public var kappa: Double
  /// Steps of each candidate, and how many candidates.
  public var steps: Int
  /// The learning rates to be tried.
  public var learningRates: [Double]
}

/// One optimisation step.
public struct StepReport: Sendable, Equatable {
  /// The candidate's learning rate at the start.
  public var peakLearningRate: Double
  /// The learning rate of this step.
  public var learningRate: Double
  /// Counted from 1.
  public var step: Int
  /// Steps in all.
  public var steps: Int
  /// The loss's terms and the learned scales, before the update.
  public var terms: ObjectiveTerms
  /// The joint norm of the gradient before clipping.
  public var gradientNorm: Double
  /// The standard deviation of a Gaussian likelihood's noise in this step, in the values' own unit.
  public var noise: Double?
}

/// A learning rate that was tried.
public struct LearningRateCandidate: Codable, Sendable, Equatable {
  /// The learning rate at the start.
  public var lr: Double
  /// −elbo/(κN) on the training set; nil when training diverged.
  public var loss: Double?
  /// Wall time of training and evaluation, in seconds.
  public var seconds: Double
  /// Why there is no loss; nil when there is one.
  public var failure: String?

  /// Writes `loss` even where it is nil, so that every line has the same keys; `failure` only where there is one.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(lr, forKey: .lr)
    try container.encode(loss, forKey: .loss)
    try container.encode(seconds, forKey: .seconds)
    try container.encodeIfPresent(failure, forKey: .failure)
  }
}

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
  /// A candidate of the race was judged at a rung.
  case rung(RungReport)
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
  /// How they race; nil where each is trained to the end.
  public var race: RacePlan?
  /// Whether a posterior is learned; otherwise a point is trained, without noise.
  public var hasPosterior = true
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
  /// Whether it is a step of a branch of the race, which cools down and is thrown away.
  public var isCooling = false
}

/// A learning rate that was tried: trained to the end, or dropped in the race.
public struct LearningRateCandidate: Codable, Sendable, Equatable {
  /// The learning rate at the start.
  public var lr: Double
  /// −elbo/(κN) on the training set, of one that was dropped as its last rung judged it; nil when training diverged.
  public var loss: Double?
  /// Wall time of training and evaluation, in seconds.
  public var seconds: Double
  /// Why there is no loss; nil when there is one.
  public var failure: String?
  /// The rung of the race, counted from 1, that dropped it; nil for one that was trained to the end.
  public var droppedAt: Int?
  /// The mean NLL of the held-out part, where MAP's learning rates are chosen by it.
  public var validationLoss: Double?
  /// log p(D), the Laplace approximation, where the learning rates are chosen by it.
  public var logMarginalLikelihood: Double?

  /// A candidate of which so much is known.
  package init(lr: Double, loss: Double?, seconds: Double, failure: String? = nil, droppedAt: Int? = nil) {
    (self.lr, self.loss, self.seconds, self.failure, self.droppedAt) = (lr, loss, seconds, failure, droppedAt)
  }

  /// Takes over what is recorded of a candidate's evidence.
  mutating func record(_ evidence: EvidenceEstimate) {
    (loss, validationLoss) = (evidence.loss, evidence.validationLoss)
    logMarginalLikelihood = evidence.logMarginalLikelihood
  }

  /// Writes `loss` even where it is nil, so that every line has the same keys; the others only where there is one.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(lr, forKey: .lr)
    try container.encode(loss, forKey: .loss)
    try container.encode(seconds, forKey: .seconds)
    try container.encodeIfPresent(failure, forKey: .failure)
    try container.encodeIfPresent(droppedAt, forKey: .droppedAt)
    try container.encodeIfPresent(validationLoss, forKey: .validationLoss)
    try container.encodeIfPresent(logMarginalLikelihood, forKey: .logMarginalLikelihood)
  }
}

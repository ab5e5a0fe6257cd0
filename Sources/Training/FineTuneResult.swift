/// A finished run: what `summary.json` holds, and the last line of `finetune --json`.
public struct FineTuneResult: Codable, Sendable, Equatable {
  /// Always `result`.
  public var event = "result"
  /// The run folder.
  public var run: String
  /// The backbone's name.
  public var model: String
  /// N, the number of training examples.
  public var n: Int
  /// D, the number of trainable parameters, head included.
  public var d: Int
  /// The data's weight in the objective.
  public var kappa: Double
  /// λ*, the variance of the backbone's prior.
  public var lambda: Double
  /// τ*, the variance of the head's prior.
  public var tau: Double
  /// σ, the posterior's standard deviation.
  public var sigma: Double
  /// The learning rate that was taken.
  public var lr: Double
  /// Every learning rate that was tried.
  public var lrCandidates: [LearningRateCandidate]
  /// How the race judged them, in order; nil where there was none.
  public var rungs: [RungReport]?
  /// Optimisation steps of each run.
  public var steps: Int
  /// Wall time from the start to the saved model, test metrics included; of an interrupted run, that of all its parts.
  public var seconds: Double
  /// κ·logLikelihood − kl, on the training set.
  public var elbo: Double
  /// E_q of the sum over N of the log likelihoods, in nats (10 samples, evaluation mode).
  public var logLikelihood: Double
  /// KL(q ‖ p), in nats.
  public var kl: Double
  /// −elbo/(κN).
  public var loss: Double
  /// The metrics of the test split at the posterior mean; nil where there is none.
  public var test: ClassificationMetrics?
}

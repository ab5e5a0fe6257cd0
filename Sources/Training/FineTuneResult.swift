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
  /// λ, the variance of the backbone's prior, averaged over its parameters; nil where nothing of it is trained, or
  /// without a prior.
  public var lambda: Double?
  /// τ, that of the head's prior.
  public var tau: Double?
  /// σ, the posterior's standard deviation: the root mean square over all parameters.
  public var sigma: Double
  /// λ of each tensor of the backbone, where they differ.
  public var lambdaByLayer: [String: Double]?
  /// τ of each tensor of the head, where they differ.
  public var tauByLayer: [String: Double]?
  /// σ of each tensor, where they differ.
  public var sigmaByLayer: [String: Double]?
  /// `categorical` or `gaussian`; nil in runs of older versions, which were categorical.
  public var likelihood: String?
  /// The standard deviation of a Gaussian likelihood's noise, in the values' own unit; nil for classes.
  public var noise: Double?
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
  /// The metrics of the test split at the posterior mean; nil where there is none, and for numbers.
  public var test: ClassificationMetrics?
  /// The metrics of a regression data set's test split at the posterior mean; nil where there is none, and for classes.
  public var testRegression: RegressionMetrics?
}

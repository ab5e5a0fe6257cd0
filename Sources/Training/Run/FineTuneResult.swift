import Evidence

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
  /// λ, the variance of the backbone's prior, averaged over its parameters; nil where nothing of it is trained, without
  /// a prior, or where that is flat.
  public var lambda: Double?
  /// τ, that of the head's prior.
  public var tau: Double?
  /// σ, the posterior's standard deviation: the root mean square over all parameters; 0 where none is learned.
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
  /// E_q of the sum over N of the log likelihoods, in nats (over `evidence_samples` draws, in evaluation mode); of a
  /// point that at the point.
  public var logLikelihood: Double
  /// KL(q ‖ p), in nats; of a point −log p(w, V) without its constants, N times the penalty.
  public var kl: Double
  /// −elbo/(κN).
  public var loss: Double
  /// The metrics of the test split at the posterior mean; nil where there is none, and for numbers.
  public var test: ClassificationMetrics?
  /// The metrics of a regression data set's test split at the posterior mean; nil where there is none, and for classes.
  public var testRegression: RegressionMetrics?
  /// The metrics of the training images that were held out, at the posterior mean; nil where none were, and for
  /// numbers.
  public var validation: ClassificationMetrics?
  /// The metrics of the held-out part of a regression data set, at the posterior mean; nil where there is none.
  public var validationRegression: RegressionMetrics?
  /// Wall time of the steps alone, in seconds: of all learning rates, and of all parts of an interrupted run; nil in
  /// runs of older versions.
  public var trainingSeconds: Double?
  /// The steps that the run took: of all learning rates, and of a race's branches; nil in runs of older versions.
  public var trainedSteps: Int?
  /// What was trained by, an ``ObjectiveKind``; nil in runs of older versions, which had the DE-ELBO alone.
  public var objective: String?
  /// α in the loss mean NLL + (α/2)‖w − m‖² + (β/2)‖V‖²: the given one, or that of the learned λ, 1/(κNλ).
  ///
  /// Nil where a learned λ is nil, and where λ differs between tensors; 0 for a flat prior.
  public var alpha: Double?
  /// β in that loss: the given one, or that of the learned τ, 1/(κNτ).
  public var beta: Double?
  /// log p(D), the Laplace approximation at the learned precisions, in nats; nil for other objectives.
  public var logMarginalLikelihood: Double?
}

extension FineTuneResult {
  /// That of a run's best candidate.
  init(
    _ best: Candidate, of trainer: CandidateTrainer, likelihood: Likelihood, heldOut: SplitMetrics?,
    test: SplitMetrics?,
    keeper: RunKeeper, run: String
  ) {
    let (configuration, objective, evidence) = (trainer.configuration, trainer.objective, best.evidence)
    let (state, rates) = (keeper.state, configuration.learningRates)
    self.init(
      run: run, model: trainer.model.network.backbone.name, n: objective.examples,
      d: trainer.model.network.layout.count,
      kappa: objective.kappa, lambda: evidence.lambda, tau: evidence.tau, sigma: evidence.sigma,
      lambdaByLayer: evidence.lambdaByLayer, tauByLayer: evidence.tauByLayer, sigmaByLayer: evidence.sigmaByLayer,
      likelihood: likelihood.name, noise: evidence.noise, lr: best.learningRate,
      lrCandidates: state.race?.candidates(rates, ends: state.reports) ?? state.reports,
      rungs: state.race?.outcomes.map(\.report), steps: configuration.steps, seconds: keeper.seconds,
      elbo: evidence.elbo, logLikelihood: evidence.logLikelihood, kl: evidence.kl, loss: evidence.loss,
      test: test?.classification, testRegression: test?.regression, validation: heldOut?.classification,
      validationRegression: heldOut?.regression, trainingSeconds: state.trainingSeconds ?? 0,
      trainedSteps: state.trainedSteps, objective: (configuration.objective ?? .deELBO).rawValue,
      alpha: configuration.alpha ?? objective.gridUnits(evidence.lambdaByLayer == nil ? evidence.lambda : nil),
      beta: configuration.beta ?? objective.gridUnits(evidence.tauByLayer == nil ? evidence.tau : nil),
      logMarginalLikelihood: evidence.logMarginalLikelihood)
  }
}

import ArgumentParser
import Gridless

/// Prior, posterior, objective and learning rate.
struct MethodOptions: ParsableArguments {
  @Option(
    help:
      "The defaults of --lr, --kappa-limit, --head-init, --sigma-update and --draw-statistics: the best known here, or as published."
  )
  var recipe = Recipe.default

  @Option(
    help:
      "The training objective: de-elbo learns λ, τ and σ; map takes --alpha and --beta, as a grid search does; la-lml learns two precisions by the Laplace evidence."
  )
  var objective = ObjectiveKind.deELBO

  @Option(parsing: .unconditional, help: "Of --objective map: (α/2)‖w − m‖² is added to the mean NLL (default: 0).")
  var alpha: Double?

  @Option(parsing: .unconditional, help: "Of --objective map: (β/2)‖V‖² is added for the head (default: 0).")
  var beta: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Measure on this part of the training examples in place of training on it, stratified by class, such as 0.2.",
      valueName: "fraction"))
  var holdOut: Double?

  @Option(
    parsing: .unconditional,
    help:
      "The learning rate; auto races five of them on the training set, grid (as published) trains four to the end (default: auto)."
  )
  var lr: LearningRateChoice?

  @Option(
    parsing: .unconditional,
    help:
      "How many of the racing rates are trained to the end; 2 is safer in runs of under a thousand steps, and takes about 1.6 times as long."
  )
  var finalists = 1

  @Option(
    parsing: .unconditional,
    help: "The data's weight in the objective: auto is D/N up to a limit, 1 is the plain ELBO.")
  var kappa = AutoOr.auto

  @Option(parsing: .unconditional, help: "The most that --kappa auto may be, or none, as published (default: 5000).")
  var kappaLimit: NoneOr?

  @Option(
    help: "The prior on the backbone: around the pretrained weights, zero or pretraining's mean, or none for no noise.")
  var prior = PriorKind.l2SP

  @Option(help: ArgumentHelp("What --prior ptyl reads; gridless prior makes it.", valueName: "file"))
  var priorFile: String?

  @Option(parsing: .unconditional, help: "Use this many columns of the prior file's covariance (default: all).")
  var priorColumns: Int?

  @Option(
    help:
      "Learn one λ and one τ (global, as published), one scale for both (tied, l2-zero only), or one for each tensor (default: global)."
  )
  var priorScales: Prior.Scales?

  @Option(help: "Learn one σ, one for each tensor, or one for each parameter.")
  var posterior = GaussianPosterior.Family.isotropic

  @Option(parsing: .unconditional, help: "The variance of the backbone's prior; auto learns it.")
  var lambda = AutoOr.auto

  @Option(parsing: .unconditional, help: "The variance of the head's prior; auto learns it.")
  var tau = AutoOr.auto

  @Option(parsing: .unconditional, help: "The posterior's standard deviation; auto learns it.")
  var sigma = AutoOr.auto

  @Option(parsing: .unconditional, help: "Posterior samples per step.")
  var samples = 1

  @Flag(help: "Mirror every second sample of a step at the mean.")
  var antithetic = false

  @Flag(help: "Drop residual branches in training, in networks that were made for it: ConvNeXt and EfficientNet.")
  var stochasticDepth = false

  @Option(
    help:
      "Where a new head starts: at zero, its prior's mean, or uniform at random (default: zero; uniform with --objective map or la-lml, and as published)."
  )
  var headInit: HeadInitialization?

  @Option(
    parsing: .unconditional, help: "σ before the first step; networks of under a million parameters want about 1e-3.")
  var initialSigma = FineTuneConfiguration.publishedInitialSigma

  @Option(
    help:
      "How σ is learned: at its own rate, or at the weights' and in one clipping group with them, as published (default: own)."
  )
  var sigmaUpdate: SigmaUpdate?

  @Option(
    help:
      "BatchNorm statistics for draws of the posterior: each draw's own, or the mean's, as published (default: own).")
  var drawStatistics: DrawStatistics?

  @Option(
    parsing: .unconditional,
    help: "Posterior samples of a run's evidence; evaluate and predict can --average over as many.")
  var evidenceSamples = FineTuneConfiguration.publishedEvidenceSamples

  @Option(help: "How targets are modelled: auto is categorical for a column label, gaussian for a column value.")
  var likelihood = LikelihoodChoice.auto

  @Option(
    parsing: .unconditional,
    help: "The gaussian likelihood's standard deviation, in the unit of the values, or auto to learn it.")
  var noise = AutoOr.auto

  func validate() throws {
    let misplaced = [
      ("--kappa-limit", kappaLimit != nil), ("--sigma-update", sigmaUpdate != nil),
      ("--draw-statistics", drawStatistics != nil),
    ].filter(\.1).map(\.0)
    let point =
      !objective.hasPosterior ? "--objective \(objective.rawValue)" : prior == .none ? "--prior none" : nil
    if let point, !misplaced.isEmpty {
      throw ValidationError(
        "\(misplaced.joined(separator: ", ")) with \(point): it trains a point, without noise. Leave it out.")
    }
  }

  /// Puts the choices into the library's options.
  func apply(to options: inout FineTuneOptions) {
    recipe.apply(to: &options)
    options.learningRate = lr ?? options.learningRate
    options.finalists = finalists
    options.objective = objective
    options.alpha = alpha
    options.beta = beta
    options.holdOut = holdOut
    options.kappa = kappa.value
    if let kappaLimit { options.kappaLimit = kappaLimit.value }
    options.prior = prior
    options.priorFile = priorFile
    options.priorColumns = priorColumns
    options.priorScales = priorScales ?? options.priorScales
    options.posterior = posterior
    options.lambda = lambda.value
    options.tau = tau.value
    options.sigma = sigma.value
    options.samples = samples
    options.antithetic = antithetic
    options.stochasticDepth = stochasticDepth
    options.headInitialization = headInit ?? options.headInitialization
    options.initialSigma = initialSigma
    options.sigmaUpdate = sigmaUpdate ?? options.sigmaUpdate
    options.drawStatistics = drawStatistics ?? options.drawStatistics
    options.evidenceSamples = evidenceSamples
    options.likelihood = likelihood
    options.noise = noise.value
  }
}

import Datasets
import Evidence

/// The `gridless finetune` command that makes a run with a configuration.
package struct ReproducingCommand {
  /// The words, of which the first is `gridless`.
  package private(set) var arguments: [String]

  /// What the run's `config.json` says.
  package init(_ configuration: FineTuneConfiguration, out: String) {
    arguments = ["gridless", "finetune", configuration.data]
    func add(_ name: String, _ value: String?, unless usual: String? = nil) {
      if let value, value != usual { arguments += ["--\(name)", value] }
    }
    func number(_ value: Double?) -> String? { value.map { "\($0)" } }
    let c = configuration
    add("model", c.model)
    add("weights", c.weights)
    add("out", out)
    add("train", c.train.map { "\($0)" }, unless: "all")
    add("size", c.size.map { "\($0)" })
    add("max-tokens", c.maxTokens.map { "\($0)" })
    add("vocab", c.vocabulary)
    add("resize", c.resize.rawValue, unless: "square")
    // The head alone is trained on features that are computed once, without augmentation.
    if "\(c.train ?? .all)" != "head", c.maxTokens == nil {
      add("augment", c.augmentation.rawValue, unless: "crop-flip")
    }
    add("train-splits", c.trainSplits.joined(separator: ","), unless: "train")
    add("classes", c.classes.map(list(ofNames:)))
    add("n", c.n.map { "\($0)" })
    add("steps", "\(c.steps)")
    add("batch-size", "\(c.batchSize)")
    let objective = c.objective ?? .deELBO
    add("objective", objective.rawValue, unless: ObjectiveKind.deELBO.rawValue)
    add("alpha", number(c.alpha))
    add("beta", number(c.beta))
    add("hold-out", number(c.holdOut))
    add("lr", c.race == true ? "auto" : c.learningRates.count > 1 ? "grid" : number(c.learningRates.first))
    add("finalists", c.finalists.map { "\($0)" })
    add("kappa", number(c.kappa))
    // A point has no use for these, and refuses them by name.
    let isPublished = !c.hasPosterior && c.kappaLimit == Recipe.published.kappaLimit
    if isPublished { add("recipe", Recipe.published.rawValue) }
    if c.hasPosterior {
      add("kappa-limit", number(c.kappaLimit) ?? "none", unless: number(Recipe.default.kappaLimit))
      add("sigma-update", c.sigmaUpdate.rawValue, unless: Recipe.default.sigmaUpdate.rawValue)
      add("draw-statistics", c.drawStatistics.rawValue, unless: Recipe.default.drawStatistics.rawValue)
    }
    add("prior", c.prior.rawValue, unless: PriorKind.l2SP.rawValue)
    add("prior-file", c.priorFile)
    add("prior-columns", c.priorColumns.map { "\($0)" })
    add("prior-scales", c.priorScales.rawValue, unless: Prior.Scales.global.rawValue)
    add("posterior", c.posterior.rawValue, unless: GaussianPosterior.Family.isotropic.rawValue)
    add("lambda", number(c.lambda))
    add("tau", number(c.tau))
    add("sigma", number(c.sigma))
    add("samples", "\(c.samples)", unless: "1")
    if c.antithetic { arguments.append("--antithetic") }
    if c.stochasticDepth == true { arguments.append("--stochastic-depth") }
    let usualHead = objective.hasPosterior && !isPublished ? HeadInitialization.zero : .uniform
    add("head-init", c.headInitialization.rawValue, unless: usualHead.rawValue)
    add("initial-sigma", number(c.initialSigma), unless: number(FineTuneConfiguration.publishedInitialSigma))
    add("evidence-samples", "\(c.evidenceSamples)", unless: "\(FineTuneConfiguration.publishedEvidenceSamples)")
    add("noise", number(c.noise))
    add("seed", "\(c.seed)")
    add("device", c.device.hasPrefix("cuda") ? "cuda" : "cpu")
    add("threads", "\(c.threads)")
    add("precision", c.precision == .bfloat16 ? "bf16" : "fp32")
    if c.skipUnreadable { arguments.append("--skip-unreadable") }
    if c.deterministic == true { arguments.append("--deterministic") }
  }

  /// The command for a shell.
  package var text: String { ShellCommand.text(arguments) }
}

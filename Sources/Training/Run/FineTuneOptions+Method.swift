import Backbones
import Evidence

/// The prior on the backbone's weights, N(m, λΣ); the head's is N(0, τI) under each but ``none``.
public enum PriorKind: String, Codable, Sendable, CaseIterable {
  /// m = the pretrained weights, Σ = I.
  case l2SP = "l2-sp"
  /// m = 0, Σ = I.
  case l2Zero = "l2-zero"
  /// m and a low-rank Σ of pretraining, from a prior file (Shwartz-Ziv et al., *Pre-Train Your Loss*).
  case ptyl
  /// No prior: maximum likelihood, without noise.
  case none
}

extension FineTuneOptions {
  /// Refuses combinations of prior, posterior and objective that have no meaning, with the reason.
  func validateMethod() throws(TrainingError) {
    for (name, value) in [("--lambda", lambda), ("--tau", tau), ("--sigma", sigma)] {
      if let value {
        try refuse(!(value > 0 && value.isFinite), "\(name) \(value): expected a positive number, or auto to learn it.")
      }
    }
    try refuse(evidenceSamples < 1, "--evidence-samples \(evidenceSamples): expected at least 1.")
    try refuse(evidenceSamples > 100_000, "--evidence-samples \(evidenceSamples): expected at most 100000.")
    try refuse(samples < 1, "--samples \(samples): expected at least 1.")
    try refuse(samples > 10_000, "--samples \(samples): expected at most 10000.")
    try refuse(
      antithetic && samples % 2 == 1,
      "--antithetic with --samples \(samples): mirrored samples come in pairs. Pass an even --samples.")
    try refuse(
      stochasticDepth && (Backbone.all.contains { $0.name == model && !$0.hasStochasticDepth }),
      "--stochastic-depth: \(model) was not made to drop its branches. Leave it out.")
    try refuse(
      stochasticDepth && train == .head,
      "--stochastic-depth with --train head: the branches lie in the backbone, which is not trained. Leave it out.")
    try refuse(
      prior == .ptyl && priorFile == nil,
      "--prior ptyl without --prior-file: it needs the pretraining's covariance. Make one with gridless prior, or pass "
        + "--prior l2-sp.")
    try refuse(
      prior != .ptyl && (priorFile != nil || priorColumns != nil),
      "--prior-file and --prior-columns belong to --prior ptyl, found --prior \(prior.rawValue). Pass --prior ptyl, or "
        + "leave them out.")
    try refuse(
      prior == .ptyl && train == .head,
      "--prior ptyl with --train head: the backbone is not trained, so that its prior has nothing to do. Pass --train "
        + "all, or leave --prior out.")
    if let priorColumns {
      try refuse(priorColumns < 2, "--prior-columns \(priorColumns): expected at least 2, as Σ has QQᵀ/(2K − 2).")
    }
    try refuse(
      prior == .ptyl && priorScales == .layerwise,
      "--prior-scales layerwise with --prior ptyl: its low-rank Σ ties the tensors together, so that a scale per tensor "
        + "has no meaning. Pass --prior-scales global, or --prior l2-sp.")
    try refuse(
      priorScales == .tied && prior != .l2Zero,
      "--prior-scales tied with --prior \(prior.rawValue): one scale for backbone and head is a form of l2-zero. Pass "
        + "--prior l2-zero, or --prior-scales global.")
    try refuse(
      priorScales == .tied && tau != nil, "--tau with --prior-scales tied: λ and τ are one. Pass --lambda alone.")
    try refuse(
      train == .head && lambda != nil && priorScales != .tied,
      "--lambda with --train head: the backbone is not trained, so that its prior has nothing to do. Pass --tau alone.")
    try refuse(
      sigma != nil && initialSigma != FineTuneConfiguration.publishedInitialSigma,
      "--initial-sigma with --sigma: a given σ is not learned. Leave one of the two out.")
    try refuse(
      sigmaUpdate == .published && posterior != .isotropic,
      "--sigma-update published with --posterior \(posterior.rawValue): the published posterior is isotropic. Pass "
        + "--sigma-update own.")
    try refuse(
      precision == .bfloat16 && posterior == .diagonal,
      "--precision bf16 with --posterior diagonal: each parameter's noise would need its own precision. Pass fp32.")
    let idle = posteriorOptions
    try refuse(
      prior == .none && !idle.isEmpty,
      "\(idle.joined(separator: ", ")) with --prior none: maximum likelihood has neither a prior nor noise. Leave it out."
    )
  }

  /// How finely the vector must be divided for prior and posterior.
  var division: ParameterLayout.Division {
    priorScales.division == .tensors || posterior.division == .tensors ? .tensors : .parts
  }
}

/// Throws ``TrainingError/invalidOption(_:)`` with the message where the condition holds.
func refuse(_ condition: Bool, _ message: @autoclosure () -> String) throws(TrainingError) {
  if condition { throw .invalidOption(message()) }
}

/// Throws ``TrainingError/invalidOption(_:)`` with the message where the condition does not hold.
func require(_ condition: Bool, _ message: @autoclosure () -> String) throws(TrainingError) {
  try refuse(!condition, message())
}

extension FineTuneOptions {
  /// The options of a posterior and its noise that are not the defaults, which the training of a point has no use for.
  var posteriorOptions: [String] {
    [
      ("--kappa", kappa != nil), ("--lambda", lambda != nil), ("--tau", tau != nil), ("--sigma", sigma != nil),
      ("--samples", samples > 1), ("--antithetic", antithetic), ("--posterior", posterior != .isotropic),
      ("--prior-scales", priorScales != .global),
      ("--initial-sigma", initialSigma != FineTuneConfiguration.publishedInitialSigma),
      ("--evidence-samples", evidenceSamples != FineTuneConfiguration.publishedEvidenceSamples),
    ].filter(\.1).map(\.0)
  }
}

import Studies

extension StudyMethod {
  /// The name for readers.
  var label: String {
    switch self {
    case .deELBO: "DE-ELBO"
    case .elbo: "ELBO, κ = 1"
    case .mapGrid: "MAP, grid search"
    case .mapBO: "MAP, Bayesian optimisation"
    case .mapASHA: "MAP, ASHA"
    case .laLML: "LA-LML"
    case .laCLML: "LA-CLML"
    case .linearProbe: "Linear probe"
    case .kappa: "the κ sweep"
    case .selection: "the objectives' figure"
    }
  }
}

/// How a method is shown.
extension MethodOutcome {
  /// The name for readers.
  var label: String { method?.label ?? name }

  /// The number of its look, the same in every figure.
  var look: Int { method.flatMap(StudyMethod.named.firstIndex) ?? StudyMethod.named.count }

  /// A number's mean over the seeds with the spread's ends, in words.
  func spread(_ number: (TrialRecord) -> Double?, mean: Double?, _ words: (Double) -> String) -> Table.Cell {
    let values = results.compactMap(number)
    guard let mean, let low = values.min(), let high = values.max() else { return "–" }
    return Table.Cell(
      words(mean), note: values.count > 1 && words(low) != words(high) ? "\(words(low)) to \(words(high))" : nil)
  }
}

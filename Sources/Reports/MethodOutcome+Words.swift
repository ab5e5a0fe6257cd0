import Studies

/// How a method is shown.
extension MethodOutcome {
  /// The methods' names for readers, in the order in which they are shown.
  static let labels: [(name: String, label: String)] = [
    ("de-elbo", "DE-ELBO"), ("elbo", "ELBO, κ = 1"), ("map-grid", "MAP, grid search"),
    ("map-bo", "MAP, Bayesian optimisation"), ("map-asha", "MAP, ASHA"), ("la-lml", "LA-LML"), ("la-clml", "LA-CLML"),
    ("linear-probe", "Linear probe"),
  ]

  /// A method's name for readers.
  static func label(_ name: String) -> String {
    switch name {
    case "kappa": "the κ sweep"
    case "selection": "the objectives' figure"
    default: labels.first { $0.name == name }?.label ?? name
    }
  }

  /// The name for readers.
  var label: String { Self.label(name) }

  /// The number of its look, the same in every figure.
  var look: Int { Self.labels.firstIndex { $0.name == name } ?? Self.labels.count }

  /// A number's mean over the seeds with the spread's ends, in words.
  func spread(_ number: (TrialRecord) -> Double?, mean: Double?, _ words: (Double) -> String) -> Table.Cell {
    let values = results.compactMap(number)
    guard let mean, let low = values.min(), let high = values.max() else { return "–" }
    return Table.Cell(
      words(mean), note: values.count > 1 && words(low) != words(high) ? "\(words(low)) to \(words(high))" : nil)
  }
}

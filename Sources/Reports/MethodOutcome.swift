import Studies
import Training

/// What came of a method in a study: over its trials, by seed.
struct MethodOutcome {
  /// Its name in the study.
  let name: String
  /// Its trials.
  let records: [TrialRecord]

  init(_ name: String, _ records: [TrialRecord]) { (self.name, self.records) = (name, records) }

  /// The methods' names for readers, in the order in which they are shown.
  static let labels: [(name: String, label: String)] = [
    ("de-elbo", "DE-ELBO"), ("elbo", "ELBO, κ = 1"), ("map-grid", "MAP, grid search"),
    ("map-bo", "MAP, Bayesian optimisation"), ("map-asha", "MAP, ASHA"), ("la-lml", "LA-LML"), ("la-clml", "LA-CLML"),
    ("linear-probe", "Linear probe"),
  ]

  /// The name for readers.
  var label: String { Self.labels.first { $0.name == name }?.label ?? name }

  /// The number of its look, the same in every figure.
  var look: Int { Self.labels.firstIndex { $0.name == name } ?? Self.labels.count }

  /// The seeds in order.
  var seeds: [UInt64] { Set(records.map(\.seed)).sorted() }

  /// A seed's trials that ended, in the order of their ends.
  func ended(_ seed: UInt64) -> [TrialRecord] {
    records.filter { $0.seed == seed && $0.hasEnded && $0.seconds != nil }
      .sorted { ($0.finishedAfter ?? .infinity, $0.id) < ($1.finishedAfter ?? .infinity, $1.id) }
  }

  /// A seed's result: its final trial, or else the best of its search, where that has test metrics.
  func result(_ seed: UInt64) -> TrialRecord? {
    let done = ended(seed).filter { $0.status == .done && $0.test != nil }
    return done.last { $0.stage == .final } ?? done.min { ($0.score ?? .infinity) < ($1.score ?? .infinity) }
  }

  /// The results of all seeds that have one.
  var results: [TrialRecord] { seeds.compactMap(result) }

  /// The wall time of a seed's trials, the failed ones included, in seconds.
  func seconds(_ seed: UInt64) -> Double { ended(seed).compactMap(\.seconds).reduce(0, +) }

  /// The mean over the seeds of their wall time; nil where nothing has ended.
  var meanSeconds: Double? { Self.mean(seeds.map(seconds).filter { $0 > 0 }) }

  /// The mean over the seeds of a number of the result.
  func mean(_ number: (TrialRecord) -> Double?) -> Double? { Self.mean(results.compactMap(number)) }

  /// A number's mean over the seeds with the spread's ends, in words.
  func spread(_ number: (TrialRecord) -> Double?, _ words: (Double) -> String) -> Table.Cell {
    let values = results.compactMap(number)
    guard let mean = Self.mean(values), let low = values.min(), let high = values.max() else { return "–" }
    return Table.Cell(
      words(mean), note: values.count > 1 && words(low) != words(high) ? "\(words(low)) to \(words(high))" : nil)
  }

  static func mean(_ values: [Double]) -> Double? {
    values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }
}

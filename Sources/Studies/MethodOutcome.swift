/// What came of a method in a study: over its trials, by seed.
///
/// Both the command's table and the report's are made of it.
public struct MethodOutcome: Sendable {
  /// Its name in the study.
  public let name: String
  /// Its trials.
  public let records: [TrialRecord]

  /// The method; nil for one that this version does not know.
  public var method: StudyMethod? { StudyMethod(rawValue: name) }

  /// Of a method's trials.
  public init(_ name: String, _ records: [TrialRecord]) { (self.name, self.records) = (name, records) }

  /// The seeds in order.
  public var seeds: [UInt64] { Set(records.map(\.seed)).sorted() }

  /// A seed's trials that ended, in the order of their ends.
  public func ended(_ seed: UInt64) -> [TrialRecord] {
    records.filter { $0.seed == seed && $0.hasEnded && $0.seconds != nil }
      .sorted { ($0.finishedAfter ?? .infinity, $0.id) < ($1.finishedAfter ?? .infinity, $1.id) }
  }

  /// A seed's result: its final trial, or until that has ended the best of its search, where it has test metrics; nil
  /// where the final one failed.
  ///
  /// Of a search that gives its trials different steps that is the best of those that had the most.
  public func result(_ seed: UInt64) -> TrialRecord? {
    let ended = ended(seed)
    if ended.contains(where: { $0.stage == .final && $0.status == .failed }) { return nil }
    let done = ended.filter { $0.status == .done && $0.test != nil }
    return done.last { $0.stage == .final }
      ?? done.min { (-$0.steps, $0.score ?? .infinity) < (-$1.steps, $1.score ?? .infinity) }
  }

  /// The results of all seeds that have one.
  public var results: [TrialRecord] { seeds.compactMap(result) }

  /// Whether every seed has its final result.
  public var isFinished: Bool { !records.isEmpty && seeds.allSatisfy { result($0)?.stage == .final } }

  /// The wall time of a seed's trials, the failed ones included, in seconds.
  public func seconds(_ seed: UInt64) -> Double { ended(seed).compactMap(\.seconds).reduce(0, +) }

  /// The mean over the seeds of their wall time; nil where nothing has ended.
  public var meanSeconds: Double? { Self.mean(seeds.map(seconds).filter { $0 > 0 }) }

  /// The mean over the seeds of the steps that their trials took, those of failed trials not counted: a measure of
  /// compute that does not depend on the machine; nil where nothing has ended, or that of a trial is not known.
  public var meanSteps: Double? {
    let done = records.filter { $0.status == .done }
    let steps = done.compactMap(\.trainedSteps)
    guard steps.count == done.count else { return nil }
    return Self.mean(
      Dictionary(grouping: done, by: \.seed).values.map { trials in
        Double(trials.compactMap(\.trainedSteps).reduce(0, +))
      })
  }

  /// The mean over the seeds of a number of the result.
  public func mean(_ number: (TrialRecord) -> Double?) -> Double? { Self.mean(results.compactMap(number)) }

  /// The mean of some numbers; nil of none.
  public static func mean(_ values: [Double]) -> Double? {
    values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }
}

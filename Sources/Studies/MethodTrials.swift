import Baselines
import Foundation

/// The trials of a method under a seed.
struct MethodTrials {
  let configuration: StudyConfiguration
  let method: StudyMethod
  let seed: UInt64
  let records: [TrialRecord]

  /// A trial that has not begun.
  func trial(_ name: String, _ stage: TrialRecord.Stage, _ values: [String: Double], steps: Int? = nil) -> TrialRecord {
    TrialRecord(
      id: "\(method.rawValue)-s\(seed)-\(name)", method: method.rawValue, seed: seed, stage: stage, values: values,
      steps: steps ?? configuration.steps)
  }

  /// Those of these that have not ended, as they stand.
  private func left(of trials: [TrialRecord]) -> [TrialRecord] {
    let known = Dictionary(records.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    return trials.map { known[$0.id] ?? $0 }.filter { !$0.hasEnded }
  }

  /// All of these, in any order.
  func each(_ trials: [TrialRecord]) -> StudyPlan.Outlook {
    let left = left(of: trials)
    return left.isEmpty ? .finished : .open(left)
  }

  private var searched: [TrialRecord] { records.filter { $0.stage == .search } }
  private var begun: [TrialRecord] { searched.filter { !$0.hasEnded } }
  private var hasTime: Bool {
    configuration.budget?.hasTime(after: searched.reduce(0) { $0 + ($1.seconds ?? 0) }) ?? true
  }

  /// The method's result: a run on all data with the values of the lowest score; none where no run has one.
  private func final(of candidates: [TrialRecord]) -> StudyPlan.Outlook {
    let scored = candidates.compactMap { record in
      record.status == .done ? record.score.flatMap { $0.isFinite ? (record, $0) : nil } : nil
    }
    // Of equal ones the first, by name.
    guard let best = scored.min(by: { ($0.1, $0.0.id) < ($1.1, $1.0.id) }) else { return .finished }
    return each([trial("final", .final, best.0.values.filter { $0.key != "temperature" })])
  }

  // MARK: Maximum a posteriori

  /// The points of the grid, or those of it that were drawn, with their trials' names.
  private var points: [(name: String, values: [String: Double])] {
    let grid = configuration.grid
    var count = configuration.configs
    if count == nil, case .runs(let runs) = configuration.budget { count = runs }
    // A search that ends by the clock must not have tried one corner only.
    if count == nil, case .minutes = configuration.budget { count = grid.count }
    let points = count.map { grid.drawn($0, seed: seed) } ?? grid.points
    return points.enumerated().map { (Self.number("g", $0 + 1, of: points.count), $1) }
  }

  private static func number(_ letter: String, _ number: Int, of count: Int) -> String {
    let digits = "\(number)"
    return letter + String(repeating: "0", count: max(0, "\(count)".count - digits.count)) + digits
  }

  func grid() -> StudyPlan.Outlook {
    let left = hasTime ? left(of: points.map { trial($0.name, .search, $0.values) }) : begun
    return left.isEmpty
      ? final(of: searched) : .open(left.filter { $0.status == .running } + left.filter { $0.status != .running })
  }

  /// One after the other, as each suggestion needs all before it.
  func bayesian() -> StudyPlan.Outlook {
    if !begun.isEmpty { return .open(begun) }
    let space = configuration.space
    let limit: Int? =
      switch configuration.budget {
      case .runs(let count): count
      case .minutes: nil
      case nil: BayesianOptimizer.publishedEvaluations
      }
    let done = searched.sorted { $0.id < $1.id }
    guard hasTime, done.count < limit ?? .max else { return final(of: done) }
    let optimizer = BayesianOptimizer(dimensions: space.dimensions.count, seed: seed)
    let observations = done.compactMap { record in
      space.point(of: record.values).map {
        BayesianOptimizer.Observation(point: $0, value: record.status == .done ? record.score : nil)
      }
    }
    let values = space.values(at: optimizer.suggest(after: observations))
    return .open([trial(Self.number("b", done.count + 1, of: limit ?? 999), .search, values)])
  }

  func asha() -> StudyPlan.Outlook {
    let runs: Double =
      switch configuration.budget {
      case .runs(let count): Double(count)
      case .minutes: 1_000_000
      case nil: Double(BayesianOptimizer.publishedEvaluations)
      }
    let asha = ASHA(steps: configuration.steps, budget: runs)
    let decision: ASHA.Decision = hasTime ? asha.next(after: searched.map { Self.entry($0, asha) }) : .finished
    switch decision {
    case .run(let configuration, let rung):
      return .open(begun + [self.configuration(configuration, at: rung, asha)])
    case .finished:
      if !begun.isEmpty { return .open(begun) }
      let most = searched.filter { $0.status == .done && $0.score?.isFinite == true }.map(\.steps).max()
      return final(of: searched.filter { $0.steps == most })
    }
  }

  /// A configuration is a point drawn by its number, the same at every rung.
  private func configuration(_ number: Int, at rung: Int, _ asha: ASHA) -> TrialRecord {
    var random = SearchRandom(seed: seed, stream: 4096 + UInt64(number))
    let space = configuration.space
    let values = space.values(at: random.point(space.dimensions.count))
    return trial(Self.number("c", number + 1, of: 999) + "-r\(rung + 1)", .search, values, steps: asha.rungs[rung])
  }

  private static func entry(_ record: TrialRecord, _ asha: ASHA) -> ASHA.Entry {
    let parts = record.id.split(separator: "-")
    let number = parts.dropLast().last.flatMap { Int($0.dropFirst()) } ?? 1
    let outcome: ASHA.Outcome =
      switch record.status {
      case .waiting, .running: .running
      case .failed: .failed
      case .done: record.score.map { .scored($0) } ?? .failed
      }
    return ASHA.Entry(
      configuration: number - 1, rung: asha.rungs.firstIndex(of: record.steps) ?? 0, outcome: outcome)
  }

  // MARK: Conditional evidence

  /// The trial that judges a run of the grid.
  static func conditionalID(of trial: TrialRecord) -> String {
    trial.id.replacingOccurrences(of: StudyMethod.mapGrid.rawValue, with: StudyMethod.laCLML.rawValue)
  }

  /// The run of the grid that a trial judges.
  static func gridID(of trial: TrialRecord) -> String {
    trial.id.replacingOccurrences(of: StudyMethod.laCLML.rawValue, with: StudyMethod.mapGrid.rawValue)
  }

  /// Judges each run of the grid whose prior is proper, and takes the best.
  func conditional(on grid: [TrialRecord]) -> StudyPlan.Outlook {
    let runs = grid.filter { $0.stage == .search && $0.status == .done && $0.isProper }
    let judged = runs.map { run in
      TrialRecord(
        id: Self.conditionalID(of: run), method: method.rawValue, seed: seed, stage: .search, values: run.values,
        steps: run.steps)
    }
    let left = left(of: judged)
    if !left.isEmpty { return .open(left) }
    let isSearched = grid.contains { $0.stage == .final } || gridIsFinished(grid)
    return isSearched ? final(of: searched) : .waiting
  }

  private func gridIsFinished(_ grid: [TrialRecord]) -> Bool {
    MethodTrials(configuration: configuration, method: .mapGrid, seed: seed, records: grid).grid() == .finished
  }
}

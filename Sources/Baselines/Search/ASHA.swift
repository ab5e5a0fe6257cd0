/// Asynchronous successive halving: configurations are tried with few steps, and the best of each rung go on to the
/// next (Li et al., *A System for Massively Parallel Hyperparameter Tuning*, MLSys 2020, algorithm 2).
///
/// It has no state: what is to be done next is a function of what was done.
public struct ASHA: Sendable, Equatable {
  /// The steps of a run at each rung, rising.
  public let rungs: [Int]
  /// η: one of so many goes on.
  public let reduction: Int
  /// The steps that all runs together may take.
  public let budget: Int

  /// The rungs of runs of at most `steps`, each η times as long as the one below, with at least one step.
  ///
  /// `budget` is in runs of `steps`.
  public init(steps: Int, budget: Double, reduction: Int = 3, rungs count: Int = 3) {
    var rungs = [steps]
    while rungs.count < count, let last = rungs.last, last / reduction >= 1 { rungs.append(last / reduction) }
    (self.rungs, self.reduction) = (rungs.reversed(), reduction)
    self.budget = Int((budget * Double(steps)).rounded())
  }

  /// A run of a configuration at a rung.
  public struct Entry: Sendable, Equatable {
    /// The configuration's number, from 0.
    public var configuration: Int
    /// The rung's number, from 0.
    public var rung: Int
    /// What came of it.
    public var outcome: Outcome

    /// A run of a configuration at a rung.
    public init(configuration: Int, rung: Int, outcome: Outcome) {
      (self.configuration, self.rung, self.outcome) = (configuration, rung, outcome)
    }
  }

  /// What came of a run.
  public enum Outcome: Sendable, Equatable {
    /// It has not ended.
    case running
    /// It has no score: it never goes on, and counts among those of its rung.
    case failed
    /// It has a score; the lowest is best.
    case scored(Double)
  }

  /// What is to be done.
  public enum Decision: Sendable, Equatable {
    /// Run a configuration at a rung; a new one at rung 0.
    case run(configuration: Int, rung: Int)
    /// Nothing that fits the budget.
    case finished
  }

  /// What is to be done after `entries`.
  ///
  /// From the highest rung down, the best ⌊n/η⌋ of the n that have ended there go on; else a new configuration begins.
  /// What would exceed the budget is left out.
  public func next(after entries: [Entry]) -> Decision {
    let spent = entries.reduce(0) { $0 + rungs[$1.rung] }
    func fits(_ rung: Int) -> Bool { spent + rungs[rung] <= budget }
    for rung in (0..<rungs.count - 1).reversed() where fits(rung + 1) {
      let promoted = Set(entries.filter { $0.rung == rung + 1 }.map(\.configuration))
      if let next = best(of: entries, at: rung).first(where: { !promoted.contains($0) }) {
        return .run(configuration: next, rung: rung + 1)
      }
    }
    // A higher rung takes more steps than the lowest: where that does not fit, none does.
    return fits(0) ? .run(configuration: entries.count { $0.rung == 0 }, rung: 0) : .finished
  }

  /// The configurations that may go on from a rung, best first; of equal ones the older.
  private func best(of entries: [Entry], at rung: Int) -> [Int] {
    let ended = entries.filter { $0.rung == rung && $0.outcome != .running }
    let scored = ended.compactMap { entry -> (Int, Double)? in
      if case .scored(let score) = entry.outcome, score.isFinite { (entry.configuration, score) } else { nil }
    }
    return scored.sorted { ($0.1, $0.0) < ($1.1, $1.0) }.prefix(ended.count / reduction).map(\.0)
  }
}

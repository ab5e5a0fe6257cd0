/// How far a race has come: what a checkpoint holds of it.
///
/// A leg is one candidate's way through one rung, or to the end of the run. Legs are run one after the other.
package struct RaceState: Codable, Equatable {
  /// The rung under way, counted from 0; the number of rungs where a candidate is on its way to the end.
  package private(set) var rung = 0
  /// The candidates, by index, whose legs of this rung are not done: the first is under way.
  ///
  /// On the way to the end only the first finalists have a leg; the others are there for the case that all of those
  /// diverge, the next best first.
  package private(set) var queue: [Int]
  /// The number of legs that are done.
  package private(set) var legsDone = 0
  /// Whether the branch of the leg under way has left.
  package private(set) var isCooling = false
  /// By candidate, the file in which it is kept at its last rung's step.
  package private(set) var kept: [String?]
  /// The rungs' outcomes, in order, with the candidates' indices.
  package private(set) var outcomes: [Outcome] = []

  /// A judgement, or that there is none.
  package struct Outcome: Codable, Equatable {
    package var candidate: Int
    package var report: RungReport
  }

  /// A race that begins.
  package init(candidates: Int) {
    queue = Array(0..<candidates)
    kept = Array(repeating: nil, count: candidates)
  }

  /// The candidate whose leg is under way; nil where none is left.
  package var candidate: Int? { queue.first }

  /// The step up to which a candidate's steps are known: those that `metrics.jsonl` has.
  package func step(reachedBy candidate: Int) -> Int {
    outcomes.last { $0.candidate == candidate }?.report.step ?? 0
  }

  /// Where a candidate's leg begins: at its kept state, else at the first step.
  package func start(of candidate: Int) -> Int { kept[candidate] == nil ? 0 : step(reachedBy: candidate) }

  /// The candidate under way was kept at its rung's step; its branch leaves.
  package mutating func keep(_ file: String) {
    guard let candidate else { return }
    kept[candidate] = file
    isCooling = true
  }

  /// The leg under way ended with a judgement, or the candidate diverged.
  ///
  /// After the rung's last leg the better candidates go on; what was kept of the others is not needed any more, but
  /// after the last rung. A tie is the first's, and there is no rung for one alone.
  package mutating func end(_ report: RungReport, plan: RacePlan) {
    guard let candidate else { return }
    outcomes.append(Outcome(candidate: candidate, report: report))
    if report.loss == nil { kept[candidate] = nil }
    endLeg()
    guard queue.isEmpty else { return }
    let ranked = ranked
    let here = ranked.filter { $0.report.rung == report.rung }.map(\.candidate)
    let survivors = here.prefix(plan.rungs[rung].survivors)
    if survivors.count > 1 && rung + 1 < plan.rungs.count {
      for loser in here.dropFirst(survivors.count) { kept[loser] = nil }
      (rung, queue) = (rung + 1, survivors.sorted())
    } else {
      (rung, queue) = (plan.rungs.count, ranked.map(\.candidate))
    }
  }

  /// The candidate on its way to the end arrived, or diverged; unless the race is over, the next best follows.
  package mutating func endLast(isOver: Bool) {
    if let candidate { kept[candidate] = nil }
    endLeg()
    if isOver {
      queue = []
      kept = kept.map { _ in nil }
    }
  }

  private mutating func endLeg() {
    queue.removeFirst()
    legsDone += 1
    isCooling = false
  }

  /// The last judgements of those that have not diverged: the furthest first, and of those the best.
  private var ranked: [Outcome] {
    var last: [Int: RungReport] = [:]
    for outcome in outcomes { last[outcome.candidate] = outcome.report }
    func key(_ outcome: Outcome) -> (Int, Double, Int) {
      (-outcome.report.rung, outcome.report.loss ?? .infinity, outcome.candidate)
    }
    return last.map { Outcome(candidate: $0, report: $1) }.filter { $0.report.loss != nil }
      .sorted { key($0) < key($1) }
  }
}

extension RaceState {
  /// Every candidate as a result tells it: those that were trained to the end, or diverged on the way there, as `ends`
  /// has them; the others with their last judgement.
  package func candidates(_ rates: [Double], ends: [LearningRateCandidate]) -> [LearningRateCandidate] {
    rates.enumerated().map { index, rate in
      let reports = outcomes.filter { $0.candidate == index }.map(\.report)
      let before = reports.map(\.seconds).reduce(0, +)
      if var end = ends.first(where: { $0.lr == rate }) {
        end.seconds += before
        return end
      }
      let last = reports.last
      return LearningRateCandidate(
        lr: rate, loss: last?.loss, seconds: before, failure: last?.failure, droppedAt: last?.rung)
    }
  }

  /// The steps that are left where `step` of the leg under way are done, `finalists` are still to be trained to the
  /// end, and no candidate diverges.
  package func stepsLeft(after step: Int, plan: RacePlan, steps: Int, finalists: Int = 1) -> Int {
    guard let candidate else { return 0 }
    var left = -step
    if rung == plan.rungs.count {
      let others = queue.dropFirst().prefix(max(0, finalists - 1)).map { steps - start(of: $0) }
      return left + steps + others.reduce(0, +)
    }
    for number in rung..<plan.rungs.count {
      let place = plan.rungs[number]
      let before = number == 0 ? 0 : plan.rungs[number - 1].step
      let legs = number == rung ? queue.count : place.candidates
      left += legs * (place.step - before + place.coolDown)
    }
    let kept = plan.rungs.last.map { min($0.candidates, finalists) * $0.step } ?? 0
    return left + start(of: candidate) + finalists * steps - kept
  }
}

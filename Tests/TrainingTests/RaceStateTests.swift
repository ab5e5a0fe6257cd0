import Testing
import Training

/// Who goes on in a race, and from where.
@Suite struct RaceStateTests {
  private let plan = RacePlan(candidates: 5, steps: 400, batchSize: 32, trainingExamples: 728)
  private let diverges = Double.nan
  private let rates = [0.1, 0.03, 0.01, 0.003, 0.001]

  /// Runs the legs of a rung, whose losses come by candidate.
  private func run(_ state: inout RaceState, _ losses: [Int: Double]) throws {
    let rung = state.rung
    var files = 0
    while state.rung == rung, let candidate = state.candidate {
      var report = RungReport(rung: rung + 1, step: plan.rungs[rung].step, lr: rates[candidate])
      let loss = try #require(losses[candidate])
      report.loss = loss.isNaN ? nil : loss
      if report.loss == nil { report.failure = "diverged" }
      report.seconds = 1
      #expect(!state.isCooling)
      state.keep("kept-\(rung)-\(candidate)")
      #expect(state.isCooling)
      state.end(report, plan: plan)
      files += 1
    }
    #expect(files == losses.count)
  }

  @Test func theBetterHalfGoesOnAndOneFinishes() throws {
    var state = RaceState(candidates: 5)
    #expect(state.queue == [0, 1, 2, 3, 4])
    try run(&state, [0: 2, 1: 1, 2: 1.5, 3: 3, 4: 4])
    #expect(state.rung == 1 && state.queue == [1, 2])
    #expect(state.kept == [nil, "kept-0-1", "kept-0-2", nil, nil])
    #expect(state.start(of: 1) == plan.rungs[0].step && state.start(of: 0) == 0)
    try run(&state, [1: 0.9, 2: 0.8])
    // The winner, then those that would take its place; one that was dropped early would begin again.
    #expect(state.rung == 2 && state.queue == [2, 1, 0, 3, 4])
    #expect(state.kept == [nil, "kept-1-1", "kept-1-2", nil, nil])
    #expect(state.queue.map(state.start) == [plan.rungs[1].step, plan.rungs[1].step, 0, 0, 0])
    #expect(state.step(reachedBy: 0) == plan.rungs[0].step)

    var lucky = state
    lucky.endLast(isOver: true)
    #expect(lucky.candidate == nil)
    let end = LearningRateCandidate(lr: 0.01, loss: 0.5, seconds: 10)
    let told = lucky.candidates(rates, ends: [end])
    #expect(told.map(\.loss) == [2, 0.9, 0.5, 3, 4])
    #expect(told.map(\.droppedAt) == [1, 2, nil, 1, 1])
    #expect(told.map(\.seconds) == [1, 2, 12, 1, 1])

    state.endLast(isOver: false)
    #expect(state.candidate == 1 && state.start(of: 1) == plan.rungs[1].step && state.kept[2] == nil)
    state.endLast(isOver: false)
    #expect(state.candidate == 0 && state.legsDone == 9)
  }

  @Test func aTieIsTheFirstsAndWhatDivergedIsOut() throws {
    var state = RaceState(candidates: 5)
    try run(&state, [0: diverges, 1: 2, 2: 1, 3: 2, 4: 2])
    #expect(state.queue == [1, 2])
    try run(&state, [1: diverges, 2: 1])
    #expect(state.queue == [2, 3, 4])
  }

  /// No rung for one alone; where both of the last rung diverge, the best of the rung before begins again.
  @Test func divergenceLeavesTheOthers() throws {
    var alone = RaceState(candidates: 5)
    try run(&alone, [0: diverges, 1: diverges, 2: 1, 3: diverges, 4: diverges])
    #expect(alone.rung == 2 && alone.queue == [2] && alone.start(of: 2) == plan.rungs[0].step)

    var both = RaceState(candidates: 5)
    try run(&both, [0: 1, 1: 2, 2: 3, 3: 4, 4: 5])
    try run(&both, [0: diverges, 1: diverges])
    #expect(both.queue == [2, 3, 4] && both.start(of: 2) == 0)

    var none = RaceState(candidates: 5)
    try run(&none, [0: diverges, 1: diverges, 2: diverges, 3: diverges, 4: diverges])
    #expect(none.candidate == nil)
  }

  /// The steps that are left fall by those that were taken, leg by leg, to none.
  @Test func theStepsLeftAddUp() throws {
    var state = RaceState(candidates: 5)
    let (first, second) = (plan.rungs[0], plan.rungs[1])
    let way = second.step - first.step
    let all = 5 * (first.step + first.coolDown) + 2 * (way + second.coolDown) + 400 - second.step
    #expect(state.stepsLeft(after: 0, plan: plan, steps: 400) == all)
    #expect(state.stepsLeft(after: 7, plan: plan, steps: 400) == all - 7)
    try run(&state, [0: 1, 1: 2, 2: 3, 3: 4, 4: 5])
    let rest = all - 5 * (first.step + first.coolDown)
    #expect(state.stepsLeft(after: first.step, plan: plan, steps: 400) == rest)
    #expect(state.stepsLeft(after: first.step + 3, plan: plan, steps: 400) == rest - 3)
    try run(&state, [0: 1, 1: 2])
    #expect(state.stepsLeft(after: second.step, plan: plan, steps: 400) == 400 - second.step)
    #expect(state.stepsLeft(after: 400, plan: plan, steps: 400) == 0)
  }

  /// A second finalist goes on from the last rung, a third begins anew.
  @Test func theStepsOfFurtherFinalistsCount() throws {
    var state = RaceState(candidates: 5)
    let last = plan.rungs[1].step
    func left(_ finalists: Int, _ step: Int = 0) -> Int {
      state.stepsLeft(after: step, plan: plan, steps: 400, finalists: finalists)
    }
    #expect(left(2) - left(1) == 400 - last && left(3) - left(2) == 400)
    try run(&state, [0: 1, 1: 2, 2: 3, 3: 4, 4: 5])
    try run(&state, [0: 2, 1: 1])
    #expect(left(1, last) == 400 - last && left(2, last) == 2 * (400 - last) && left(3, last) == left(2, last) + 400)
    state.endLast(isOver: false)
    #expect(state.candidate == 0 && state.start(of: 0) == last && state.kept == ["kept-1-0", nil, nil, nil, nil])
    #expect(left(1, last) == 400 - last && left(0, last) == left(1, last))
    state.endLast(isOver: true)
    #expect(state.candidate == nil && state.kept.allSatisfy { $0 == nil } && left(0) == 0)
  }
}

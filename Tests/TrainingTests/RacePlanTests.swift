import Testing
import Training

@Suite struct RacePlanTests {
  private struct Case: CustomTestStringConvertible {
    var (steps, batchSize, examples) = (0, 0, 0)
    var statistics = DrawStatistics.own
    var testDescription: String { "\(steps) steps of \(batchSize), N = \(examples), \(statistics)" }
    var plan: RacePlan {
      RacePlan(
        candidates: 5, steps: steps, batchSize: batchSize, trainingExamples: examples, statistics: statistics)
    }

    /// The forward passes of one example after the last step: BatchNorm's at the mean, and ten draws, each with
    /// statistics of its own on at most 1024 examples, or without.
    var passesAtTheEnd: Int { examples + 10 * (examples + (statistics == .own ? min(examples, 1024) : 0)) }
  }
  private static let cases = [100, 150, 400, 1000, 2999, 6000].flatMap { steps in
    [8, 32, 100, 128].flatMap { batchSize in
      [50, 128, 728, 5000, 50_000].filter { $0 >= batchSize }.flatMap { examples in
        DrawStatistics.allCases.map {
          Case(steps: steps, batchSize: batchSize, examples: examples, statistics: $0)
        }
      }
    }
  }

  /// Training steps, and forward passes of one example in judging, counted leg by leg as the race runs them.
  private func work(_ plan: RacePlan, _ item: Case) -> (steps: Int, passes: Int) {
    var (steps, passes, before) = (0, 0, 0)
    for rung in plan.rungs {
      for _ in 0..<rung.candidates {
        steps += rung.step - before + rung.coolDown
        // One draw at each σ; BatchNorm's statistics at each of them, or once at the mean.
        let draws = RacePlan.sigmaFactors.count
        passes += (draws + (item.statistics == .own ? draws : 1)) * plan.examples
      }
      before = rung.step
    }
    return (steps + item.steps - before, passes + item.passesAtTheEnd)
  }

  @Test(arguments: cases) private func theWholeRaceKeepsItsBudget(_ item: Case) {
    let plan = item.plan
    let work = work(plan, item)
    /// In runs at one learning rate, where a step costs so many forward passes of its examples.
    func cost(ofAStep passes: Int) -> Double {
      Double(passes * item.batchSize * work.steps + work.passes)
        / Double(passes * item.batchSize * item.steps + item.passesAtTheEnd)
    }
    for passes in [3, 4, 10, 30, 1_000_000] { #expect(cost(ofAStep: passes) <= 1.5) }
    #expect(abs(plan.cost - max(cost(ofAStep: 3), Double(work.steps) / Double(item.steps))) < 1e-12)
    // Most of it is used.
    #expect(plan.cost > 1.25, "\(plan)")
  }

  @Test(arguments: cases) private func legsAreInOrderAndWhole(_ item: Case) {
    let plan = item.plan
    #expect(plan.rungs.map(\.candidates) == [5, 2] && plan.rungs.map(\.survivors) == [2, 1])
    #expect(plan.rungs[0].step >= max(2, item.steps / 50) && plan.rungs[1].step == 3 * plan.rungs[0].step)
    for rung in plan.rungs {
      #expect(rung.coolDown >= 1 && rung.step + rung.coolDown <= item.steps)
      // On a GPU the winner's blocks must be those of its run alone.
      #expect(rung.step < 100 || rung.step % 20 == 0 || plan.rungs[0].step < 100)
    }
    #expect(plan.examples <= item.examples && plan.examples % item.batchSize == 0)
    #expect(plan.examples >= min(16, item.batchSize))
  }

  /// However small the training set, and however few draws the run has at its end.
  @Test(arguments: 65...120) func theBudgetHoldsFromSixtyFiveStepsOn(steps: Int) {
    for batchSize in [1, 2, 8, 32, 50, 100, 128] {
      for examples in [1, 2, 5, 30].map({ $0 * batchSize }) + [150, 728, 5000] where examples >= batchSize {
        for samples in [1, 2, 10] {
          for statistics in DrawStatistics.allCases {
            let plan = RacePlan(
              candidates: 5, steps: steps, batchSize: batchSize, trainingExamples: examples, evidenceSamples: samples,
              statistics: statistics)
            #expect(plan.cost <= 1.5, "\(batchSize) of \(examples), \(samples) draws, \(statistics)")
          }
        }
      }
    }
  }

  /// Where no race fits, each leg is as short as it can be, and the plan tells its cost.
  @Test(arguments: 1...60) func theShortestRunsHaveAPlanToo(steps: Int) {
    for candidates in 2...6 {
      let plan = RacePlan(candidates: candidates, steps: steps, batchSize: 4, trainingExamples: 9)
      #expect(plan.rungs.first?.candidates == candidates && plan.rungs.last?.survivors == 1)
      #expect(plan.examples == 4 || plan.examples == 8)
      for rung in plan.rungs { #expect(rung.step >= 1 && rung.step + rung.coolDown <= steps) }
      #expect(zip(plan.rungs, plan.rungs.dropFirst()).allSatisfy { $0.step < $1.step && $0.survivors == $1.candidates })
      if steps == 50 && candidates == 5 { #expect(plan.cost <= 1.5) }
      if steps == 4 && candidates == 5 { #expect(plan.cost > 1.5) }
    }
  }
}

@Suite struct ScheduleTests {
  private let cosine = CosineSchedule(peak: 0.4, steps: 20)

  @Test func withoutACoolDownItIsTheCosine() {
    for step in 0...20 { #expect(Schedule(cosine)(step) == cosine(step)) }
  }

  /// Before the branch leaves it is on the cosine; then it goes to 0 in equal parts of the rate where it left.
  @Test func aBranchGoesLinearlyToZero() {
    let schedule = Schedule(cosine, coolDown: Schedule.CoolDown(start: 6, steps: 3))
    for step in 0..<6 { #expect(schedule(step) == cosine(step)) }
    for (step, part) in [(6, 0.75), (7, 0.5), (8, 0.25), (9, 0), (10, 0)] {
      #expect(abs(schedule(step) - part * cosine(6)) < 1e-15)
    }
  }
}

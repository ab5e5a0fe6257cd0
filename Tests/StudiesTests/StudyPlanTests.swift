import Baselines
import Studies
import Testing

/// What a study does next, with scores that are made up.
@Suite struct StudyPlanTests {
  private func finals(_ records: [TrialRecord]) -> [String: [String: Double]] {
    Dictionary(uniqueKeysWithValues: records.filter { $0.stage == .final }.map { ($0.id, $0.values) })
  }

  @Test func theGridIsTriedAndItsBestRetrained() throws {
    let plan = StudyPlan(configuration: configuration([.mapGrid]))
    let records = carryOut(plan)
    #expect(records.count == 145)
    #expect(Set(records.map(\.id)).count == 145)
    #expect(records.last?.id == "map-grid-s0-final")
    #expect(records.last?.values == ["lr": 0.01, "alpha": 1e-4, "beta": 1e-3])
    #expect(records.first?.id == "map-grid-s0-g001")
    #expect(plan.outlook(of: .mapGrid, seed: 0, after: records) == .finished)
  }

  @Test func aSubsetIsDrawnForEachSeed() {
    let plan = StudyPlan(
      configuration: configuration([.mapGrid]) { ($0.configs, $0.seeds) = (24, [1, 2]) })
    let records = carryOut(plan)
    #expect(records.count == 50)
    let values = [1, 2].map { seed in records.filter { $0.seed == seed && $0.stage == .search }.map(\.values) }
    #expect(values[0] == HyperparameterGrid.l2SP.drawn(24, seed: 1))
    #expect(values[0] != values[1])
    // A budget in runs draws as many.
    let budget = StudyPlan(configuration: configuration([.mapGrid]) { ($0.budget, $0.seeds) = (.runs(24), [1]) })
    #expect(carryOut(budget).prefix(24).map(\.values) == values[0])
  }

  @Test func minutesEndASearch() {
    // A run takes 90 seconds: after two of them three minutes are spent.
    for method in [StudyMethod.mapGrid, .mapBO] {
      let plan = StudyPlan(configuration: configuration([method]) { $0.budget = .minutes(3) })
      let records = carryOut(plan)
      #expect(records.count == 3)
      #expect(records.last?.stage == .final)
    }
    let asha = carryOut(StudyPlan(configuration: configuration([.mapASHA]) { $0.budget = .minutes(3) }))
    #expect(asha.filter { $0.stage == .search }.reduce(0) { $0 + $1.steps } >= 180)
    #expect(asha.last?.stage == .final)
  }

  @Test func bayesianOptimisationGoesOneByOne() throws {
    let plan = StudyPlan(configuration: configuration([.mapBO]) { $0.seeds = [3] })
    let records = carryOut(plan)
    #expect(records.count == 13)
    let best = try #require(
      records.filter { $0.stage == .search && $0.status == .done }.min { ($0.score ?? 0) < ($1.score ?? 0) })
    #expect(records.last?.values == best.values)
    #expect((best.score ?? 9) < 0.7)
    // While one runs, no other is suggested.
    var running = records[4]
    running.status = .running
    let outlook = plan.outlook(of: .mapBO, seed: 3, after: Array(records.prefix(4)) + [running])
    #expect(outlook == .open([running]))
  }

  @Test func ashaTriesManyAndTrainsFewToTheEnd() throws {
    let plan = StudyPlan(configuration: configuration([.mapASHA]))
    let records = carryOut(plan)
    let searched = records.filter { $0.stage == .search }
    #expect(searched.reduce(0) { $0 + $1.steps } <= 12 * 90)
    #expect(Set(searched.map(\.steps)) == [10, 30, 90])
    let last = try #require(records.last)
    let whole = searched.filter { $0.steps == 90 }
    let best = try #require(whole.min { ($0.score ?? 99) < ($1.score ?? 99) })
    #expect(last.values == best.values)
    #expect(last.steps == 90)
    // A configuration keeps its values.
    for trial in whole {
      let name = trial.id.dropLast(1)
      #expect(searched.contains { $0.id == name + "1" && $0.values == trial.values && $0.steps == 10 })
    }
  }

  /// Whatever had ended when a study was killed, it ends as the undisturbed one.
  @Test func aStudyGoesOnFromAnyPlace() {
    let plan = StudyPlan(
      configuration: configuration([.deELBO, .mapGrid, .mapBO, .mapASHA, .laCLML]) {
        ($0.configs, $0.budget) = (6, .runs(4))
      })
    let whole = carryOut(plan)
    for length in 0..<whole.count {
      let records = carryOut(plan, from: Array(whole.prefix(length)))
      #expect(records == whole)
      // The one that was running when it was killed is gone on with first.
      var killed = whole[length]
      (killed.status, killed.score, killed.seconds) = (.running, nil, nil)
      #expect(carryOut(plan, from: Array(whole.prefix(length)) + [killed]) == whole)
    }
  }

  @Test func conditionalEvidenceJudgesWhatIsProperAndWaitsForTheGrid() {
    let plan = StudyPlan(configuration: configuration([.mapGrid, .laCLML]) { $0.configs = 20 })
    #expect(plan.outlook(of: .laCLML, seed: 0, after: []) == .waiting)
    let records = carryOut(plan)
    let judged = records.filter { $0.method == "la-clml" && $0.stage == .search }
    let grid = records.filter { $0.method == "map-grid" && $0.stage == .search }
    let proper = grid.filter { $0.status == .done && ($0.values["alpha"] ?? 0) > 0 && ($0.values["beta"] ?? 0) > 0 }
    #expect(!proper.isEmpty && proper.count < grid.count)
    #expect(judged.map(\.values) == proper.sorted { $0.id < $1.id }.map(\.values))
    #expect(finals(records).keys.sorted() == ["la-clml-s0-final", "map-grid-s0-final"])
  }

  @Test func networksStayAsLongAsTheyAreNeeded() throws {
    let plan = StudyPlan(configuration: configuration([.mapGrid, .laCLML]) { $0.configs = 20 })
    let records = carryOut(plan)
    for trial in records { #expect(plan.isModelSpent(trial, after: records) == (trial.stage == .search)) }
    let proper = try #require(records.first { $0.method == "la-clml" })
    let run = try #require(records.first { $0.id == proper.id.replacing("la-clml", with: "map-grid") })
    let grid = records.filter { $0.method == "map-grid" }
    #expect(!plan.isModelSpent(run, after: grid))
    let alone = StudyPlan(configuration: configuration([.mapGrid]))
    #expect(alone.isModelSpent(run, after: grid))
  }

  @Test func aSearchOfFailuresEndsWithoutAResult() {
    let grid = try? HyperparameterGrid(["lr": [0.1], "alpha": [0, 0.1]])
    let plan = StudyPlan(configuration: configuration([.mapGrid]) { if let grid { $0.grid = grid } })
    let records = carryOut(plan)
    #expect(records.map(\.status) == [.failed, .failed])
  }

  @Test func figuresHaveRunsOfTheirOwn() {
    let plan = StudyPlan(
      configuration: configuration([]) { ($0.kappas, $0.showsSelection) = ([1, 50, 7000], true) })
    let records = carryOut(plan)
    #expect(
      records.map(\.id) == ["kappa-s0-k1", "kappa-s0-k2", "kappa-s0-k3", "selection-s0-elbo", "selection-s0-de-elbo"])
    #expect(records.prefix(3).map { $0.values["kappa"] } == [1, 50, 7000])
  }
}

import Foundation
import Studies
import Testing
import Training

@Suite struct MethodSummaryTests {
  private func trial(_ method: StudyMethod, _ seed: UInt64, _ stage: TrialRecord.Stage, seconds: Double) -> TrialRecord
  {
    var record = TrialRecord(
      id: "\(method.rawValue)-s\(seed)-\(UUID())", method: method.rawValue, seed: seed, stage: stage, values: [:],
      steps: 10)
    (record.status, record.seconds, record.trainedSteps) = (.done, seconds, 10)
    return record
  }

  private func metrics(_ nll: Double) -> ClassificationMetrics {
    ClassificationMetrics(logProbabilities: [-nll, log(1 - exp(-nll))], labels: [0], classes: 2)
  }

  @Test func theTableHasMeansOverSeedsAndTheWholeCost() throws {
    var records: [TrialRecord] = []
    for seed in [1, 2] as [UInt64] {
      records += [trial(.mapGrid, seed, .search, seconds: 3600), trial(.mapGrid, seed, .search, seconds: 3600)]
      var final = trial(.mapGrid, seed, .final, seconds: 1800)
      final.values = ["lr": 0.01, "alpha": seed == 1 ? 1e-2 : 1e-4, "beta": 0]
      final.test = metrics(Double(seed))
      var own = trial(.deELBO, seed, .final, seconds: 900)
      (own.kappa, own.n, own.lambda, own.tau, own.lr) = (100, 50, 2e-4, nil, 0.1)
      own.test = metrics(0.5)
      records += [final, own]
    }
    records[0].status = .failed
    let rows = MethodSummary.summaries(of: records)
    #expect(rows.map(\.method) == ["de-elbo", "map-grid"])
    let (own, grid) = (rows[0], rows[1])
    #expect(grid.seeds == 2 && grid.failed == 1 && grid.runs == 3 && grid.hours == 2.5)
    #expect(abs((grid.nll ?? 0) - 1.5) < 1e-12)
    #expect(abs((grid.alpha ?? 0) - 1e-3) < 1e-15)
    #expect(grid.beta == 0)
    #expect(own.speedUp == 10 && grid.speedUp == 1)
    // Two and three trials were done, each of 10 steps; what the failed one took is not known.
    #expect(own.trainedSteps == 10 && grid.trainedSteps == 25)
    records[1].trainedSteps = nil
    #expect(MethodSummary.summaries(of: records).map(\.trainedSteps) == [10, nil])
    // α = 1/(κNλ).
    #expect(abs((own.alpha ?? 0) - 1) < 1e-12)
    #expect(own.beta == nil)
    #expect(abs((own.lr ?? 0) - 0.1) < 1e-12)
  }

  /// As the report's table: a search that has not ended shows its best so far, and nothing is compared with its cost.
  @Test func anUnfinishedSearchShowsItsBestSoFar() throws {
    var records: [TrialRecord] = []
    for (steps, score) in [(400, 0.9), (400, 0.7), (44, 0.1)] {
      var record = trial(.mapGrid, 1, .search, seconds: 360)
      (record.steps, record.score, record.test) = (steps, score, metrics(score))
      records.append(record)
    }
    var final = trial(.mapGrid, 1, .final, seconds: 0)
    (final.status, final.seconds) = (.running, nil)
    var own = trial(.deELBO, 1, .final, seconds: 36)
    own.test = metrics(0.5)
    let grid = try #require(MethodSummary.summaries(of: records + [final, own]).last)
    #expect(grid.method == "map-grid" && grid.seeds == 1 && grid.runs == 3)
    #expect(abs((grid.nll ?? 0) - 0.7) < 1e-12)
    #expect(abs(grid.hours - 0.3) < 1e-12)
    let rows = MethodSummary.summaries(of: records + [final, own])
    #expect(rows.map(\.speedUp) == [nil, nil])
    (final.status, final.seconds, final.test) = (.done, 360, metrics(0.4))
    #expect(MethodSummary.summaries(of: records + [final, own]).map(\.speedUp) == [40, 1])
  }

  /// A search run trained on a part of the data does not stand in for a retraining that diverged.
  @Test func aRetrainingThatFailedIsNoResult() throws {
    var search = trial(.mapGrid, 1, .search, seconds: 360)
    (search.score, search.test) = (0.7, metrics(0.7))
    var final = trial(.mapGrid, 1, .final, seconds: 60)
    (final.status, final.failure) = (.failed, "diverged")
    let row = try #require(MethodSummary.summaries(of: [search, final]).first)
    #expect(row.seeds == 0 && row.failed == 1 && row.nll == nil && row.speedUp == nil)
    #expect(abs(row.hours - 420.0 / 3600) < 1e-12)
  }

  /// τ of an infinite scale under one seed: a mean over the others would not be that of the row.
  @Test func aScaleThatIsMissingUnderASeedHasNoMean() throws {
    let records = ([1, 2] as [UInt64]).map { seed in
      var record = trial(.mapGrid, seed, .final, seconds: 1)
      (record.test, record.lambda, record.tau) = (metrics(1), 1e-3, seed == 1 ? nil : 1e-2)
      return record
    }
    let row = try #require(MethodSummary.summaries(of: records).first)
    #expect(row.tau == nil && abs((row.lambda ?? 0) - 1e-3) < 1e-15)
  }

  @Test func theSweepHasARowForEachKappa() {
    var records: [TrialRecord] = []
    for (seed, kappa) in [(1, 50.0), (1, 1), (2, 1)] as [(UInt64, Double)] {
      var record = trial(.kappa, seed, .search, seconds: 1)
      record.values = ["kappa": kappa]
      record.test = metrics(kappa / 10)
      records.append(record)
    }
    let rows = MethodSummary.summaries(of: records)
    #expect(rows.map(\.sweptKappa) == [1, 50])
    #expect(rows.map(\.seeds) == [2, 1])
    #expect(rows.map(\.speedUp) == [nil, nil])
  }

  /// J_κ/(κN) = −NLL − KL/(κN), from the lines of a run.
  @Test func theFiguresCurvesComeFromTheRunsLines() throws {
    let scratch = try Scratch()
    let folder = StudyFolder(scratch.path)
    var record = trial(.selection, 1, .search, seconds: 1)
    (record.n, record.d, record.lr) = (10, 500, 0.1)
    try folder.write(record)
    let lines = [
      #"{"event":"step","candidate_lr":0.1,"lr":0.1,"step":1,"nll":2,"kl":300,"loss":1}"#,
      #"{"event":"step","candidate_lr":0.01,"lr":0.01,"step":1,"nll":7,"kl":7,"loss":1}"#,
      #"{"event":"rung","lr":0.1,"step":1}"#,
      #"{"event":"step","candidate_lr":0.1,"lr":0.05,"step":2,"nll":1,"kl":400,"loss":1}"#,
    ]
    try Data(lines.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: folder.run(of: record.id).metrics))
    let curve = SelectionCurve(of: record, in: folder.run(of: record.id))
    #expect(curve.steps.map(\.step) == [1, 2])
    #expect(curve.steps.map { curve.objective(at: $0, kappa: 1) } == [-32, -41])
    #expect(curve.steps.map { curve.objective(at: $0, kappa: 50) } == [-2.6, -1.8])
  }
}

import Foundation
import Reports
import Studies
import Testing
import Training

/// The data of a study's figures against plain sums over its trials and their runs.
@Suite struct StudyFiguresTests {
  /// A run whose files those of the figure `selection` are.
  private static let fixture = Result {
    let fixture = try Fixture()
    try fixture.writeTable("classes.csv")
    try fixture.run("run", data: "classes.csv")
    return fixture
  }

  /// A line of a figure: its points, and the spread's ends where it has such.
  private struct Line {
    let name: String
    let points: [[Double]]
    let low, high: [Double]?

    init(_ series: [String: Any]) throws {
      name = try #require(series["name"] as? String)
      points = try #require(series["points"] as? [[Double]])
      (low, high) = (series["low"] as? [Double], series["high"] as? [Double])
    }
  }

  private func lines(_ figure: [String: Any]) throws -> [Line] {
    let series = try #require(figure["series"] as? [[String: Any]])
    return try series.map { try Line($0) }
  }

  /// Whether numbers are these, in seven digits.
  private func agree(_ found: [Double]?, _ expected: [Double]) -> Bool {
    guard let found, found.count == expected.count else { return false }
    return zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-6 * abs($1) }
  }

  /// The mean, the lowest and the highest of some numbers.
  private func spread(_ values: [Double]) -> (mean: Double, low: Double, high: Double) {
    (values.reduce(0, +) / Double(values.count), values.min() ?? .nan, values.max() ?? .nan)
  }

  /// Trials with the seconds that all up to each took.
  private static func ended(_ trials: [TrialRecord]) -> [(end: Double, trial: TrialRecord)] {
    var (seconds, ended): (Double, [(end: Double, trial: TrialRecord)]) = (0, [])
    for trial in trials {
      seconds += trial.seconds ?? 0
      ended.append((seconds, trial))
    }
    return ended
  }

  private static let numbers: [(figure: String, of: @Sendable (TrialRecord) -> Double?)] = [
    ("accuracy", { $0.test?.balancedAccuracy }), ("nll", { $0.test?.nll }),
  ]

  /// At each end of a trial, what a method has by then: its final trial, or until that has ended the one of the lowest
  /// score; of all seeds, from where each has something.
  @Test func theStairsAreTheBestOfTheTrialsSoFar() throws {
    let fixture = try Self.fixture.get()
    let study = fixture.place("stairs")
    var records = StudyFixture()
    records.unfinish()
    try records.write(to: study, run: fixture.place("run"))
    let body = try Report(study).body()
    let labels = [
      "DE-ELBO", "ELBO, κ = 1", "MAP, grid search", "MAP, Bayesian optimisation", "MAP, ASHA", "LA-LML", "LA-CLML",
      "Linear probe",
    ]
    for (id, number) in Self.numbers {
      let figure = try Report.figure(id, in: body)
      // The longest search takes about an hour.
      #expect((figure["x"] as? [String: Any])?["name"] as? String == "minutes of compute")
      let lines = try lines(figure)
      #expect(lines.map(\.name) == labels)
      for (method, line) in zip(StudyMethod.named, lines) {
        // Each seed's trials in the order of their ends, with the seconds that all up to them took.
        let seeds = Set(records.records.map(\.seed)).map { seed in
          let trials = records.records.filter { $0.studyMethod == method && $0.seed == seed }
            .sorted { ($0.finishedAfter ?? 0) < ($1.finishedAfter ?? 0) }
          return Self.ended(trials).filter { $0.trial.status == .done }
        }
        #expect(seeds.count == 3)
        func value(_ ended: [(end: Double, trial: TrialRecord)], at moment: Double) -> Double? {
          let trials = ended.filter { $0.end <= moment }.map { $0.trial }
          let final = trials.first { $0.stage == .final }
          return (final ?? trials.min { ($0.score ?? .infinity) < ($1.score ?? .infinity) }).flatMap(number)
        }
        var expected: [(moment: Double, spread: (mean: Double, low: Double, high: Double))] = []
        for moment in Set(seeds.joined().map { $0.end }).sorted() {
          let values = seeds.compactMap { value($0, at: moment) }
          if values.count == 3 { expected.append((moment, spread(values))) }
        }
        #expect(agree(line.points.map { $0[0] }, expected.map { $0.moment / 60 }), "\(id), \(method)")
        #expect(agree(line.points.map { $0[1] }, expected.map { $0.spread.mean }), "\(id), \(method)")
        #expect(agree(line.low, expected.map { $0.spread.low }), "\(id), \(method)")
        #expect(agree(line.high, expected.map { $0.spread.high }), "\(id), \(method)")
      }
      // All seeds have something once the slowest has ended: of one run that is a point, of a search it goes on.
      #expect(lines[0].points.count == 1 && lines[2].points.count > 24)
    }
  }

  /// Means over the seeds, by rising κ, and where D/N lies.
  @Test func theSweepHasTheMeansOverSeeds() throws {
    let fixture = try Self.fixture.get()
    let study = fixture.place("sweep")
    let records = StudyFixture()
    try records.write(to: study, run: fixture.place("run"))
    let body = try Report(study).body()
    let kappas: [Double] = [1, 30, 300, 3000, 30_000, 300_000]
    for (id, number) in Self.numbers {
      let figure = try Report.figure("kappa-\(id)", in: body)
      let lines = try lines(figure)
      try #require(lines.count == 1)
      let expected = kappas.map { kappa in
        spread(records.records.filter { $0.studyMethod == .kappa && $0.kappa == kappa }.compactMap(number))
      }
      #expect(lines[0].points.map { $0[0] } == kappas)
      #expect(agree(lines[0].points.map { $0[1] }, expected.map { $0.mean }), "\(id)")
      #expect(agree(lines[0].low, expected.map { $0.low }), "\(id)")
      #expect(agree(lines[0].high, expected.map { $0.high }), "\(id)")
      #expect(expected.contains { $0.low < $0.mean && $0.mean < $0.high })
      let marks = try #require(figure["marks"] as? [[String: Any]])
      #expect(marks.map { $0["label"] as? String } == ["D/N"])
      #expect(agree(marks.compactMap { $0["x"] as? Double }, [2_340_000.0 / 728]))
    }
  }

  /// J/(κN) = −NLL − KL/(κN) of two runs under both κ, averaged so that a line has at most 200 points.
  @Test func theSelectionsCurvesAreTheObjectivesOfTheRuns() throws {
    let fixture = try Self.fixture.get()
    let study = fixture.place("selection")
    let records = StudyFixture()
    try records.write(to: study, run: fixture.place("run"))
    let rate = try RunFolder(fixture.place("run")).readSummary().lr
    // Of 401 steps each point is the mean of three, the last one of two; the other run has so few that all are shown.
    func steps(_ count: Int, nll: Double, kl: Double) -> [(nll: Double, kl: Double)] {
      (1...count).map { step in
        let part = Double(step) / Double(count)
        return (nll: nll * (1 - 0.5 * part * part), kl: kl * (1 + part))
      }
    }
    let (good, bad) = (steps(401, nll: 2, kl: 1e5), steps(5, nll: 2.1, kl: 10))
    for (name, steps) in [("de-elbo", good), ("elbo", bad)] {
      let lines = steps.enumerated().map { index, step in
        #"{"event":"step","candidate_lr":\#(rate),"lr":\#(rate),"step":\#(index + 1),"#
          + #""nll":\#(step.nll),"kl":\#(step.kl),"loss":1}"#
      }
      try lines.joined(separator: "\n").write(
        toFile: "\(study)/trials/selection-s1001-\(name)/metrics.jsonl", atomically: true, encoding: .utf8)
    }
    let body = try Report(study).body()
    for (id, kappa) in [("selection-elbo", 1.0), ("selection-de-elbo", 3214)] {
      let lines = try lines(Report.figure(id, in: body))
      try #require(lines.count == 2)
      #expect(lines[0].name.hasPrefix("trained by the DE-ELBO") && lines[1].name.hasPrefix("trained by the ELBO"))
      for (line, (steps, window)) in zip(lines, [(good, 3), (bad, 1)]) {
        let objectives = steps.map { -$0.nll - $0.kl / (kappa * 728) }
        let parts = stride(from: 0, to: steps.count, by: window).map { start in
          objectives[start..<min(start + window, steps.count)]
        }
        #expect(line.points.map { $0[0] } == parts.map { Double($0.endIndex) }, "\(id)")
        let means = parts.map { $0.reduce(0, +) / Double($0.count) }
        #expect(agree(line.points.map { $0[1] }, means), "\(id), \(line.name)")
      }
    }
  }
}

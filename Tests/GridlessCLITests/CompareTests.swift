import Foundation
import Gridless
import Testing

/// `gridless compare` from the outside.
@Suite struct CompareTests {
  private func files(_ place: StudyPlace, _ id: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: place.folder.run(of: id).path).sorted()
  }

  /// Each process is started with the same arguments, whose end may be "--".
  @Test func theDataMayStandBehindDashes() throws {
    let place = try StudyPlace()
    let arguments = StudyPlace.arguments("elbo", ["--parallel", "2"])
    let outcome = try Command.run(
      [arguments[0]] + arguments.dropFirst(2) + ["--", arguments[1]], in: place.place.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try place.folder.records().map(\.status) == [.done])
  }

  @Test func withoutATestSplitNothingBegins() throws {
    let place = try StudyPlace()
    try place.place.remove("data/test")
    let outcome = try place.compare("elbo")
    #expect(outcome.status == 64 && outcome.errors.contains("data: has no test split"), "\(outcome.errors)")
    #expect(!FileManager.default.fileExists(atPath: place.folder.path))
  }

  @Test func everyMethodHasItsTrialsAndItsRow() throws {
    let place = try StudyPlace()
    let outcome = try place.compare(
      "de-elbo,elbo,map-grid,map-bo,map-asha", "--kappas", "1,D/N", "--figure", "selection")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let records = try place.folder.records()
    func count(_ method: String, _ stage: TrialRecord.Stage) -> Int {
      records.count { $0.method == method && $0.stage == stage }
    }
    #expect(records.allSatisfy { $0.status == .done })
    #expect(count("map-grid", .search) == 4 && count("map-grid", .final) == 1)
    #expect(count("map-bo", .search) == 3 && count("map-bo", .final) == 1)
    // Nine steps in rungs of one and three: three at the first, and the best of them to the end, again and again.
    #expect(records.filter { $0.method == "map-asha" && $0.stage == .search }.reduce(0) { $0 + $1.steps } <= 9)
    #expect(count("map-asha", .final) == 1)
    #expect(count("kappa", .search) == 2 && count("selection", .search) == 2)
    #expect(count("de-elbo", .final) == 1 && count("elbo", .final) == 1)

    let search = try #require(records.first { $0.id == "map-grid-s0-g1" })
    #expect(search.n == 6)
    #expect(search.score == search.validation?.nll)
    #expect(search.validation != nil && search.test != nil && search.validation?.confusion == nil)
    let final = try #require(records.first { $0.id == "map-grid-s0-final" })
    let best = try #require(
      records.filter { $0.method == "map-grid" && $0.stage == .search }.min { ($0.score ?? 99) < ($1.score ?? 99) })
    #expect(final.n == 8 && final.validation == nil && final.values == best.values)
    #expect(final.test?.confusion?.count == 2)
    // Only what a method ends with keeps its network.
    for record in records {
      #expect(try files(place, record.id).contains("model.safetensors") == (record.stage == .final), "\(record.id)")
      #expect(try files(place, record.id).contains("metrics.jsonl"))
    }
    #expect(!FileManager.default.fileExists(atPath: place.folder.claim(of: final.id)))

    // A trial's time is that of its run; the axis of hours adds up a method's.
    let bo = records.filter { $0.method == "map-bo" }
    for record in records {
      let result = try place.folder.run(of: record.id).readSummary()
      #expect(record.seconds == result.seconds && record.trainingSeconds == result.trainingSeconds)
      #expect((record.trainingSeconds ?? 9) < (record.seconds ?? 0))
      #expect(try #require(record.trainedSteps) >= record.steps)
      // What helps every method is given to every method.
      #expect(try place.folder.run(of: record.id).readConfiguration().headInitialization == .zero, "\(record.id)")
    }
    let total = bo.reduce(0) { $0 + ($1.seconds ?? 0) }
    #expect(abs((bo.compactMap(\.finishedAfter).max() ?? 0) - total) < 1e-9)

    let rows = try outcome.objects().filter { $0["event"] as? String == "method" }
    #expect(
      rows.compactMap { $0["method"] as? String }.prefix(5) == ["de-elbo", "elbo", "map-grid", "map-bo", "map-asha"])
    #expect(rows.count == 9)
    #expect(rows[2]["speed_up"] as? Double == 1)
    #expect(try outcome.objects().count { $0["event"] as? String == "trial" } == records.count)
    #expect(try place.ended().sorted() == records.map(\.id).sorted())

    // The two runs of the figure, under both objectives.
    let curves = records.filter { $0.studyMethod == .selection }.map {
      SelectionCurve(of: $0, in: place.folder.run(of: $0.id))
    }
    #expect(curves.map { $0.steps.map(\.step) } == [[1, 2, 3], [1, 2, 3]])
    #expect(Set(curves.map(\.trial.kappa)) == [1, records.first { $0.method == "kappa" && $0.kappa != 1 }?.kappa])

    // Given again, it has nothing to do and says the same.
    let again = try place.compare(
      "de-elbo,elbo,map-grid,map-bo,map-asha", "--kappas", "1,D/N", "--figure", "selection")
    #expect(again.status == 0)
    #expect(try StudyPlace.table(again) == StudyPlace.table(outcome))
    #expect(try place.folder.records() == records)
    // Without --json it prints a table.
    let table = try Command.run(
      StudyPlace.arguments(
        "de-elbo,elbo,map-grid,map-bo,map-asha", ["--kappas", "1,D/N", "--figure", "selection"]
      ).filter { $0 != "--json" }, in: place.place.path)
    #expect(table.lines.first?.hasPrefix("method ") == true)
    #expect(table.lines.contains { $0.hasPrefix("selection 1 ") })
    #expect(table.lines.last?.hasPrefix("study folder  ") == true)
  }

  /// LA-CLML of a run of the grid, which `finetune` makes once more: a study keeps no network that it searched among.
  private func conditionalEvidence(of run: TrialRecord, in place: StudyPlace) throws -> ConditionalLaplace {
    func value(_ name: String) throws -> String {
      let value = try #require(run.values[name])
      return "\(value)"
    }
    let again = "again \(run.id)"
    let options = [
      "--objective", "map", "--weights", "start.safetensors", "--head-init", "zero", "--hold-out", "0.2", "--lr",
      try value("lr"), "--alpha", try value("alpha"), "--beta", try value("beta"), "--out", again,
    ]
    let outcome = try Command.run(Workplace.tiny("data", options), in: place.place.path)
    try #require(outcome.status == 0, "\(outcome.errors)")
    // It is the grid's run, step by step.
    let steps = try place.place.contents("\(again)/metrics.jsonl")
    #expect(try place.place.contents("study/trials/\(run.id)/metrics.jsonl") == steps)
    try Runtime.setThreads(1)
    return try ConditionalLaplace(
      RunFolder(place.place.absolute(again)), data: place.place.absolute("data"),
      weights: place.place.absolute("start.safetensors"))
  }

  @Test func laplaceEvidenceAndLinearProbing() throws {
    let place = try StudyPlace()
    try place.place.writeCheckpoint("start.safetensors")
    // Under so strong a prior the Laplace posterior is narrow, and what it predicts is what the run learned.
    try place.place.write("grid.json", Data(#"{"lr": [0.01, 0.001], "alpha": [100, 0], "beta": [100]}"#.utf8))
    let outcome = try place.compare("map-grid,la-lml,la-clml,linear-probe", "--weights", "start.safetensors")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let records = try place.folder.records()
    func one(_ id: String) throws -> TrialRecord { try #require(records.first { $0.id == id }) }
    // Two of the grid's four points have α = 0: an improper prior has no evidence.
    let judged = records.filter { $0.method == "la-clml" && $0.stage == .search }
    #expect(judged.count == 2)
    var evidences: [String: Double] = [:]
    for trial in judged {
      let run = try one(trial.id.replacingOccurrences(of: "la-clml", with: "map-grid"))
      #expect(trial.values.filter { $0.key != "temperature" } == run.values)
      #expect((trial.seconds ?? 0) > (run.seconds ?? 9))
      let found = try conditionalEvidence(of: run, in: place)
      let evidence = found.conditionalLogMarginalLikelihood
      #expect(evidence < 0 && trial.values["temperature"] == found.temperature)
      // Of scores the lowest is the best, of evidences the highest.
      let score = try #require(trial.score)
      #expect(abs(score + evidence) < 1e-5 * abs(evidence), "score \(score), evidence \(evidence)")
      evidences[trial.id] = evidence
    }
    let (lowest, highest) = (evidences.values.min() ?? 0, evidences.values.max() ?? 0)
    #expect(highest - lowest > 1e-4 * abs(lowest), "a choice among equals: \(evidences)")
    let best = try #require(judged.first { evidences[$0.id] == highest })
    let final = try one("la-clml-s0-final")
    #expect(final.values == best.values.filter { $0.key != "temperature" } && final.n == 8)
    let learned = try one("la-lml-s0-final")
    #expect((learned.lambda ?? 0) > 0 && (learned.tau ?? 0) > 0 && learned.lr != nil && learned.score?.isFinite == true)
    #expect(try (one("linear-probe-s0-final").d ?? 0) < (final.d ?? 0))
    for record in records where record.stage == .search && record.method == "map-grid" {
      #expect(try !files(place, record.id).contains("model.safetensors"))
    }
  }

  @Test func aRunThatDivergesIsRecordedAndTheStudyGoesOn() throws {
    let place = try StudyPlace()
    try place.place.write("grid.json", Data(#"{"lr": [1e30, 0.01], "alpha": [0.01], "beta": [0.001]}"#.utf8))
    let outcome = try place.compare("map-grid", "--steps", "6", "--configs", "2")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let records = try place.folder.records()
    let failed = try #require(records.first { $0.status == .failed })
    #expect(failed.values["lr"] == 1e30)
    #expect(failed.failure?.contains("is not finite at step") == true)
    #expect(failed.failure?.contains("kept in") == false)
    #expect((failed.seconds ?? 0) > 0)
    #expect(try !files(place, failed.id).contains("checkpoints"))
    #expect(outcome.errors.contains("\(failed.id) (alpha 0.01, beta 0.001, lr 1e+30): failed: "))
    #expect(records.first { $0.stage == .final }?.values["lr"] == 0.01)
    #expect(try StudyPlace.table(outcome).first?["failed"] as? Int == 1)
  }

  /// A method without any result is a failure, which a script can see.
  @Test func aStudyWithoutAResultFails() throws {
    let place = try StudyPlace()
    try place.place.write("grid.json", Data(#"{"lr": [1e30], "alpha": [0.01], "beta": [0.001]}"#.utf8))
    let outcome = try place.compare("map-grid", "--steps", "6")
    #expect(outcome.status == 1)
    #expect(try StudyPlace.table(outcome).first?["seeds"] as? Int == 0)
  }

  @Test(arguments: [(["--recipe", "published"], HeadInitialization.uniform), (["--head-init", "uniform"], .uniform)])
  func theHeadMayStartAsPublished(_ options: [String], _ expected: HeadInitialization) throws {
    let place = try StudyPlace()
    let outcome = try Command.run(StudyPlace.arguments("map-asha", options), in: place.place.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    for record in try place.folder.records() {
      #expect(try place.folder.run(of: record.id).readConfiguration().headInitialization == expected)
    }
  }

  @Test func eachRaceMayHaveMoreFinalists() throws {
    let place = try StudyPlace()
    #expect(try place.compare("de-elbo,map-grid", "--configs", "1", "--finalists", "2").status == 0)
    for record in try place.folder.records() {
      let configuration = try place.folder.run(of: record.id).readConfiguration()
      #expect(configuration.finalists == (record.studyMethod == .deELBO ? 2 : nil))
    }
    let refused = try place.compare("de-elbo", "--finalists", "2", "--recipe", "published", "--out", "other")
    #expect(refused.status == 64)
    #expect(refused.errors.contains("--finalists with --recipe published: its learning rates do not race."))
    let idle = try place.compare("map-grid,map-bo", "--finalists", "2", "--out", "other")
    #expect(idle.status == 64)
    #expect(idle.errors.contains("--finalists with map-grid, map-bo: nothing races there."))
  }

  @Test func otherOptionsAreRefusedWithTheDifferences() throws {
    let place = try StudyPlace()
    #expect(try place.compare("map-grid", "--configs", "1").status == 0)
    let before = try place.place.everything()
    let outcome = try place.compare("map-grid,elbo", "--configs", "1", "--steps", "4", "--seeds", "3")
    #expect(outcome.status == 1)
    for text in [
      "study: holds a study with other options:\n", "  methods: [\"map-grid\"] there, [\"map-grid\",\"elbo\"] now\n",
      "  seeds: [0] there, [3] now\n", "  steps: 3 there, 4 now\n", "Pass another --out, or the same arguments.",
    ] { #expect(outcome.errors.contains(text), "\(outcome.errors)") }
    #expect(try place.place.everything() == before)
    // A run folder is no study.
    #expect(try place.place.finetune("data").status == 0)
    let run = try place.compare("map-grid", "--out", "run")
    #expect(run.status == 1)
    #expect(run.errors.contains("run: expected a new or empty folder, found README.md, config.json, data.json"))
  }

  @Test func anUnreadableTrialIsTold() throws {
    let place = try StudyPlace()
    #expect(try place.compare("map-grid", "--configs", "1").status == 0)
    try place.place.write("study/trials/map-grid-s0-g1/trial.json", Data("{".utf8))
    let outcome = try place.compare("map-grid", "--configs", "1")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("study/trials/map-grid-s0-g1/trial.json: cannot be read"))
    #expect(outcome.errors.contains("Remove this trial's folder, and the study makes it again."))
    try place.place.remove("study/trials/map-grid-s0-g1")
    #expect(try place.compare("map-grid", "--configs", "1").status == 0)
  }

  @Test func wrongUsageIsToldBeforeAnythingIsWritten() throws {
    let place = try StudyPlace()
    try place.place.write("bad.json", Data(#"{"lr": [0.1], "alfa": [1]}"#.utf8))
    let cases: [(methods: String, more: [String], says: String)] = [
      ("", [], "--methods is empty"), ("map-gird", [], "--methods map-gird: expected some of de-elbo, elbo, map-grid"),
      ("kappa", [], "--methods kappa: expected some of"), ("elbo,elbo", [], "names a method twice"),
      ("la-clml", [], "--methods la-clml without map-grid"), ("map-grid", ["--grid", "bad.json"], "unknown: alfa"),
      ("map-grid", ["--configs", "0"], "--configs 0: expected at least 1"),
      ("map-bo", ["--budget", "soon"], "--budget"), ("elbo", ["--seeds", "1,x"], "--seeds x: expected whole numbers"),
      ("elbo", ["--kappas", "1,D/M"], "--kappas D/M: expected positive numbers, or 1, N, D/N, D"),
      ("elbo", ["--kappas", ","], "--kappas is empty"),
      ("elbo", ["--finalists", "0"], "--finalists 0: expected 1 to 5"),
      ("linear-probe", [], "linear-probe without pretrained weights"), ("elbo", ["--steps", "0"], "--steps 0"),
      ("map-grid", ["--prior", "ptyl", "--prior-file", "x"], "--prior ptyl with a grid of alpha"),
      ("elbo", ["--prior", "none"], "--prior none: what is compared"), ("elbo", ["--parallel", "0"], "--parallel 0"),
      ("elbo", ["--model", "resnet9"], "resnet9"), ("elbo", ["--train-splits", "tain"], "unknown split 'tain'"),
    ]
    for (methods, more, says) in cases {
      let outcome = try Command.run(StudyPlace.arguments(methods, more), in: place.place.path)
      #expect(outcome.status == 64, "\(methods) \(more): \(outcome.errors)")
      #expect(outcome.errors.contains(says), "\(outcome.errors)")
      // Also of what is found only once the command runs, such as --kappas.
      #expect(outcome.errors.contains("\nUsage: gridless compare <data> --model"), "\(outcome.errors)")
      #expect(
        outcome.errors.hasSuffix("\n  See 'gridless compare --help' for more information.\n"), "\(outcome.errors)")
    }
    #expect(!FileManager.default.fileExists(atPath: place.folder.path))
    let missing = try place.compare("elbo", "--out", "other", "--weights", "nowhere.safetensors")
    #expect(missing.status == 1)
    #expect(missing.errors.contains("nowhere.safetensors"))
    #expect(!FileManager.default.fileExists(atPath: place.place.absolute("other")))
  }
}

import Foundation
import Gridless
import Support
import TestSupport
import Testing

/// Studies that are disturbed: killed, interrupted, and worked on by several processes.
@Suite struct CompareKillTests {
  private static let methods = "de-elbo,map-grid,map-bo,map-asha"

  /// The acceptance of issue 6: with one worker the final table, times apart, is that of an undisturbed study.
  @Test func aKilledStudyEndsAsTheUndisturbedOne() throws {
    let place = try StudyPlace()
    let more = ["--checkpoint-every", "1"]
    let start = ContinuousClock.now
    let undisturbed = try Command.run(
      StudyPlace.arguments(Self.methods, more + ["--out", "undisturbed"]), in: place.place.path)
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    #expect(undisturbed.status == 0, "\(undisturbed.errors)")

    var random = SplitMix64(state: isLong ? 2 : 1)
    let wanted = isLong ? 60 : 5
    var (kills, turns) = (0, 0)
    while kills < wanted {
      turns += 1
      guard turns <= 10 * wanted else { throw Unexpected("in \(turns - 1) turns only \(kills) studies were killed") }
      let study = try RunningCommand(StudyPlace.arguments(Self.methods, more), in: place.place.path)
      let deadline = ContinuousClock.now + .seconds(seconds * (0.15 + Double(random.below(500)) / 1000))
      try study.wait { ContinuousClock.now >= deadline }
      study.send(SIGKILL)
      let outcome = try study.end()
      // One that ended before is no kill.
      guard outcome.status == 0 else {
        #expect(outcome.status == -SIGKILL, "\(outcome.errors)")
        kills += 1
        continue
      }
      try check(place, undisturbed, study: outcome)
    }
    let outcome = try Command.run(StudyPlace.arguments(Self.methods, more), in: place.place.path)
    try check(place, undisturbed, study: outcome)
    print("\(kills) kills")
  }

  private func check(_ place: StudyPlace, _ undisturbed: Outcome, study: Outcome) throws {
    #expect(study.status == 0, "\(study.errors)")
    #expect(try StudyPlace.table(study) == StudyPlace.table(undisturbed))
    let there = StudyFolder(place.place.absolute("undisturbed"))
    #expect(try StudyPlace.records(place.folder) == StudyPlace.records(there))
    let ended = try place.ended()
    #expect(Set(ended).count == ended.count, "no trial is completed twice")
    for record in try there.records() where record.stage == .final {
      let models = [there, place.folder].map { FileManager.default.contents(atPath: $0.run(of: record.id).model) }
      #expect(models[0] != nil && models[0] == models[1], "\(record.id)")
    }
    try place.place.remove("study")
  }

  /// The acceptance of issue 6: with four processes each trial is completed exactly once (40 trials in the long tests).
  @Test func ofFourProcessesEachTrialIsCompletedOnce() throws {
    let place = try StudyPlace()
    let (rates, count) = isLong ? (10, 40) : (3, 12)
    let list = (1...rates).map { "\(Double($0) / 1000)" }.joined(separator: ",")
    try place.place.write("grid.json", Data("{\"lr\": [\(list)], \"alpha\": [0.01, 0], \"beta\": [0.1, 0.001]}".utf8))
    let arguments = StudyPlace.arguments("map-grid", ["--configs", "\(count)"])
    let workers = try (0..<4).map { _ in try RunningCommand(arguments, in: place.place.path) }
    let outcomes = try workers.map { try $0.end() }
    for outcome in outcomes {
      #expect(outcome.status == 0, "\(outcome.errors)")
      // Each waits for the others, and tells the whole table.
      #expect(try StudyPlace.table(outcome) == StudyPlace.table(outcomes[0]))
    }
    let records = try place.folder.records()
    #expect(records.count == count + 1)
    #expect(records.allSatisfy { $0.status == .done })
    #expect(try place.ended().sorted() == records.map(\.id).sorted())
    let told = try outcomes.map { try $0.objects().count { $0["event"] as? String == "trial" } }
    #expect(told.reduce(0, +) == records.count)
    #expect(told.count { $0 > 1 } > 1, "the work is shared: \(told)")
  }

  /// One of several is killed: the others take over what it held.
  @Test func othersTakeOverWhatAKilledProcessHeld() throws {
    let place = try StudyPlace()
    let arguments = StudyPlace.arguments("map-grid,de-elbo", ["--steps", "8"])
    let first = try RunningCommand(arguments, in: place.place.path)
    try first.wait { ((try? place.folder.records()) ?? []).contains { $0.status == .running } }
    let second = try RunningCommand(arguments, in: place.place.path)
    first.send(SIGKILL)
    #expect(try first.end().status == -SIGKILL)
    let outcome = try second.end()
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try place.folder.records().allSatisfy { $0.status == .done })
    #expect(try place.ended().count == 6)
  }

  @Test func parallelSharesTheWorkAmongItsProcesses() throws {
    let place = try StudyPlace()
    let outcome = try place.compare("map-grid,map-bo,de-elbo", "--parallel", "2")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let records = try place.folder.records()
    #expect(records.count == 10 && records.allSatisfy { $0.status == .done })
    #expect(try place.ended().sorted() == records.map(\.id).sorted())
    #expect(try outcome.objects().count { $0["event"] as? String == "trial" } == 10)
    let lines = try String(contentsOfFile: place.folder.log, encoding: .utf8).split(separator: "\n")
    let processes = Set(lines.compactMap { $0.firstMatch(of: #/"pid":(\d+)/#).map { String($0.1) } })
    #expect(processes.count == 2)
    // A lone process ends with the same table.
    let alone = try Command.run(
      StudyPlace.arguments("map-grid,map-bo,de-elbo", ["--out", "alone"]), in: place.place.path)
    #expect(try StudyPlace.table(alone) == StudyPlace.table(outcome))
  }

  /// The processes of --parallel end with the one that started them, however that ends.
  @Test(arguments: [SIGTERM, SIGKILL]) func parallelProcessesEndTogether(_ signal: Int32) throws {
    let place = try StudyPlace()
    let arguments = StudyPlace.arguments("map-grid", ["--parallel", "2", "--steps", "2000", "--json"])
    let study = try RunningCommand(arguments, in: place.place.path)
    try study.wait { ((try? place.folder.records()) ?? []).count { $0.status == .running } == 2 }
    let pids = try pids(place)
    #expect(pids.count == 2)
    study.send(signal)
    let outcome = try study.end()
    #expect(outcome.status == (signal == SIGTERM ? 143 : -SIGKILL))
    let last = signal == SIGTERM ? [#"{"event":"interrupted","progress":null,"run":null,"signal":15}"#] : []
    #expect(outcome.lines == last)
    let deadline = ContinuousClock.now + .seconds(20)
    while pids.contains(where: { kill($0, 0) == 0 }) && ContinuousClock.now < deadline { usleep(20_000) }
    #expect(pids.allSatisfy { kill($0, 0) != 0 })
  }

  /// The processes that hold a trial.
  private func pids(_ place: StudyPlace) throws -> Set<Int32> {
    let claims = place.place.absolute("study/claims")
    return Set(
      try FileManager.default.contentsOfDirectory(atPath: claims).compactMap { id in
        let lease = FileManager.default.contents(atPath: "\(claims)/\(id)/lease") ?? Data()
        return try? JSON.decode(LeaseHolder.self, from: lease).pid
      })
  }

  @Test func aStopSavesAndTheSameCommandGoesOn() throws {
    let place = try StudyPlace()
    let arguments = StudyPlace.arguments("de-elbo", ["--steps", "60", "--checkpoint-every", "1", "--json"])
    let study = try RunningCommand(arguments, in: place.place.path)
    try study.wait {
      let folder = place.place.absolute("study/trials/de-elbo-s0-final/checkpoints")
      return !((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).isEmpty
    }
    study.send(SIGINT)
    let stopped = try study.end()
    #expect(stopped.status == 130)
    #expect(stopped.errors.contains("interrupted at "))
    #expect(stopped.errors.contains("to go on: "))
    let line = try #require(try stopped.objects().last)
    #expect(Set(line.keys) == ["event", "run", "progress", "signal"])
    #expect(line["event"] as? String == "interrupted" && line["signal"] as? Int == 2)
    #expect((line["run"] as? String)?.hasSuffix("trials/de-elbo-s0-final") == true)
    let outcome = try Command.run(arguments, in: place.place.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try place.folder.records().map(\.status) == [.done])
  }
}

import Foundation
import Gridless
import Testing

/// The race for the learning rate, as the command shows it, and as it goes on after interruptions.
@Suite struct RaceTests {
  private static let rates = [0.1, 0.03, 0.01, 0.003, 0.001]
  /// Rungs at steps 1 and 3, each with a branch of one step.
  private static let job = Result { try Interruptible() }
  private static let finalists = Result {
    try Interruptible(["--lr", "auto", "--finalists", "2", "--checkpoint-every", "1"])
  }

  private func records(_ place: Workplace, _ run: String) throws -> [[String: Any]] {
    try String(decoding: place.contents("\(run)/metrics.jsonl"), as: UTF8.self).split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
  }

  @Test func everyJudgementIsTold() throws {
    let place = try Workplace()
    try place.writeData()
    let outcome = try place.finetune("data", "--lr", "auto", "--steps", "4", "--json")
    let lines = try outcome.objects()
    #expect(lines.map { $0["event"] as? String } == Array(repeating: "rung", count: 7) + ["candidate", "result"])
    let keys: Set = ["event", "rung", "step", "lr", "loss", "nll", "sigma"]
    for line in lines.prefix(7) { #expect(Set(line.keys) == keys.union(["seconds"])) }
    #expect(lines.prefix(7).map { $0["rung"] as? Int } == [1, 1, 1, 1, 1, 2, 2])
    #expect(lines.prefix(7).map { $0["step"] as? Int } == [1, 1, 1, 1, 1, 3, 3])
    #expect(lines.prefix(5).map { $0["lr"] as? Double } == Self.rates)
    func loss(_ index: Int) throws -> Double { try #require(lines[index]["loss"] as? Double) }
    // The two best of the first rung meet again, and the better one is the winner.
    let first = try (0..<5).sorted { try loss($0) < loss($1) }.prefix(2).sorted()
    #expect(lines[5...6].map { $0["lr"] as? Double } == first.map { Self.rates[$0] })
    let winner = try lines[loss(5) <= loss(6) ? 5 : 6]["lr"] as? Double
    let result = try outcome.result()
    #expect(result["lr"] as? Double == winner && lines[7]["lr"] as? Double == winner)
    #expect(lines[7]["loss"] as? Double == result["loss"] as? Double)
    // Five to the first rung and two from there to the second, each with a branch of a step, and one to the end.
    #expect(result["trained_steps"] as? Int == 5 * (1 + 1) + 2 * (2 + 1) + 1)

    // The summary and the metrics say the same.
    let rungs = try #require(result["rungs"] as? [[String: Any]])
    #expect(rungs.map { $0["loss"] as? Double } == lines.prefix(7).map { $0["loss"] as? Double })
    let candidates = try #require(result["lr_candidates"] as? [[String: Any]])
    #expect(candidates.map { $0["lr"] as? Double } == Self.rates)
    for candidate in candidates {
      let rate = try #require(candidate["lr"] as? Double)
      let own = rungs.filter { $0["lr"] as? Double == rate }
      let isWinner = rate == winner
      #expect(candidate["dropped_at"] as? Int == (isWinner ? nil : own.count))
      #expect(candidate["loss"] as? Double == (isWinner ? result["loss"] : own.last?["loss"]) as? Double)
    }
    let records = try records(place, "run")
    let told = records.filter { $0["event"] as? String == "rung" }
    for record in told { #expect(Set(record.keys) == keys) }
    #expect(told.map { $0["loss"] as? Double } == rungs.map { $0["loss"] as? Double })
    // Steps on the way to the end; those of branches are not there.
    let steps = records.filter { $0["event"] as? String == "step" }
    for rate in Self.rates {
      let own = steps.filter { $0["candidate_lr"] as? Double == rate }.map { $0["step"] as? Int }
      let last = rate == winner ? 4 : rungs.last { $0["lr"] as? Double == rate }?["step"] as? Int
      #expect(own == Array(1...(last ?? 0)))
    }
    #expect(outcome.errors.contains("steps at the winner of learning rate 0.1, 0.03, 0.01, 0.003, 0.001"))
    #expect(outcome.errors.contains(/rung 2, step 3: learning rate [\d.]+: loss [\d.]+ at σ [\de.-]+,/))
    #expect(outcome.errors.contains(/in so few steps, the race for the learning rate costs about [\d.]+ runs at one/))
  }

  /// Killed before, in and after a branch, between rungs, and on the way to the end.
  @Test(arguments: [
    "leg-01-candidate-01-step-000000001", "leg-01-candidate-01-step-000000002", "leg-02-candidate-02-step-000000000",
    "leg-05-candidate-05-step-000000002", "leg-06-candidate-..-step-000000002", "leg-07-candidate-..-step-000000004",
    "leg-08-candidate-..-step-000000003", "leg-08-candidate-..-step-000000004", "leg-09-candidate-06-step-000000000",
  ]) func aKilledRaceGoesOn(_ checkpoint: String) throws {
    try kill(try Self.job.get(), at: checkpoint)
  }

  private func kill(_ job: Interruptible, at checkpoint: String) throws {
    let folder = "killed \(checkpoint)"
    let pattern = try Regex(checkpoint)
    let run = try job.start(folder)
    try run.wait { (try? job.checkpoints(folder).contains { $0.contains(pattern) }) ?? false }
    run.send(SIGKILL)
    let isKilled = try run.end().status == -SIGKILL
    let names = try FileManager.default.contentsOfDirectory(atPath: job.place.absolute(folder))
    #expect(isKilled || names.contains("summary.json"))
    let outcome = try job.run(folder)
    #expect(outcome.status == 0 && !outcome.errors.contains("damaged"), "\(outcome.errors)")
    try job.expectUndisturbed(folder)
    try job.place.remove(folder)
  }

  /// Two finalists: each has the loss of the run at its rate alone, and the better one is the run that is kept.
  @Test func ofTwoFinalistsTheBetterIsKept() throws {
    let place = try Workplace()
    try place.writeData()
    func run(_ out: String, _ choose: (inout FineTuneOptions) -> Void) throws -> FineTuneResult {
      var options = FineTuneOptions(
        data: place.absolute("data"), model: "resnet8", weights: nil, out: place.absolute(out))
      (options.size, options.steps, options.batchSize, options.device, options.threads) = (16, 30, 4, .cpu, 1)
      choose(&options)
      return try FineTuner(options).run()
    }
    let result = try run("race") { ($0.learningRates, $0.finalists) = ([0.3, 0.1, 0.03], 2) }
    let finalists = result.lrCandidates.filter { $0.droppedAt == nil }
    #expect(finalists.count == 2 && result.rungs?.count == 5)
    for finalist in finalists {
      #expect(try run("\(finalist.lr)") { $0.learningRate = .fixed(finalist.lr) }.loss == finalist.loss)
    }
    #expect(result.loss == finalists.compactMap(\.loss).min())
    #expect(try place.contents("race/model.safetensors") == place.contents("\(result.lr)/model.safetensors"))
  }

  /// Killed on the first finalist's way to the end, between the two, and on the second's.
  @Test(arguments: [
    "leg-08-candidate-..-step-000000004", "leg-09-candidate-0[1-5]-step-000000003",
    "leg-09-candidate-..-step-000000004",
    "leg-10-candidate-06-step-000000000",
  ]) func aKilledRaceOfTwoFinalistsGoesOn(_ checkpoint: String) throws {
    try kill(try Self.finalists.get(), at: checkpoint)
  }

  /// What checkpoints refer to is there, whole, and nothing else.
  @Test func candidatesAreKeptAsLongAsTheyAreNeeded() throws {
    let job = try Self.job.get()
    let run = try job.start("files")
    try run.wait { run.errorsSoFar.contains("rung 2, step 3") }
    run.send(SIGTERM)
    let outcome = try run.end()
    #expect(outcome.status == 143, "\(outcome.errors)")
    #expect(
      outcome.errors.contains(/interrupted at step \d of 4 at learning rate [\d.]+, leg [78] of the race; to go on/))
    let names = try FileManager.default.contentsOfDirectory(atPath: job.place.absolute("files/checkpoints"))
    let kept = names.filter { $0.hasPrefix("kept-") }
    #expect((2...3).contains(kept.count) && names.count == kept.count + 2, "\(names)")
    for name in names { try SafetensorsFile(path: job.place.absolute("files/checkpoints/\(name)")).verifyChecksum() }

    // One that is damaged is no state to go on from.
    for name in kept {
      var bytes = try job.place.contents("files/checkpoints/\(name)")
      bytes[bytes.count / 2] ^= 4
      try job.place.write("files/checkpoints/\(name)", bytes)
    }
    let resumed = try job.run("files")
    #expect(resumed.status == 0)
    #expect(resumed.errors.contains("a checkpoint is damaged: files/checkpoints/kept-"), "\(resumed.errors)")
    #expect(resumed.errors.contains("it goes on from its first step"))
    try job.expectUndisturbed("files")
  }

  /// On real digits: the published rates' worst two must not win.
  @Test(.enabled(if: Workplace.digits != nil, "the digits are absent; make setup fetches them"))
  func onDigitsASensibleRateWins() throws {
    let place = try Workplace()
    let arguments = [
      "finetune", try #require(Workplace.digits), "--classes", "5,6,7,8,9", "--n", "50", "--model", "resnet8",
      "--weights", Workplace.digitsNetwork, "--size", "16", "--augment", "crop", "--seed", "1", "--threads", "1",
      "--steps", "120", "--initial-sigma", "2e-3", "--device", "cpu", "--out", "run", "--json",
    ]
    let outcome = try Command.run(arguments, in: place.path)
    let result = try outcome.result()
    #expect(try #require(result["lr"] as? Double) >= 0.01)
    let test = try #require(result["test"] as? [String: Any])
    #expect(try #require(test["accuracy"] as? Double) > 0.85)
    #expect(!outcome.errors.contains("in so few steps"))
  }
}

import Foundation
import Gridless
import Testing

/// Signals and requests to stop.
@Suite struct SignalTests {
  private static let job = Result { try Interruptible(steps: 40, ["--lr", "0.1", "--checkpoint-every", "10m"]) }

  private func started(_ folder: String, _ more: [String] = [], environment: [String: String] = [:]) throws
    -> (Interruptible, RunningCommand)
  {
    let job = try Self.job.get()
    let run = try job.start(folder, more, environment: environment)
    try run.wait { run.errorsSoFar.contains("step 4/40") }
    return (job, run)
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func aSignalSavesAndLeaves(_ signal: Int32) throws {
    let folder = "signal \(signal)"
    let (job, run) = try started(folder)
    run.send(signal)
    let outcome = try run.end()
    #expect(outcome.status == 128 + signal)
    #expect(outcome.output.isEmpty)
    let last = try #require(outcome.errors.split(separator: "\n").last)
    #expect(last.hasPrefix("interrupted at step "))
    #expect(last.contains(" of 40 at learning rate 0.1; to go on: "))
    // The line is a command for a shell.
    let command = try #require(last.components(separatedBy: "to go on: ").last)
    #expect(command.hasSuffix("--out '\(folder)'"))
    let shell = Process()
    shell.executableURL = URL(fileURLWithPath: "/bin/sh")
    shell.arguments = ["-c", command]
    shell.currentDirectoryURL = URL(fileURLWithPath: job.place.path)
    (shell.standardOutput, shell.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
    try shell.run()
    shell.waitUntilExit()
    #expect(shell.terminationStatus == 0)
    try job.expectUndisturbed(folder)
  }

  @Test func underJSONTheLastLineSaysSo() throws {
    let (job, run) = try started("json", ["--json"])
    run.send(SIGTERM)
    let outcome = try run.end()
    #expect(outcome.status == 143)
    let line = try #require(try outcome.objects().last)
    #expect(Set(line.keys) == ["event", "run", "progress", "signal"])
    #expect(line["event"] as? String == "interrupted")
    #expect(line["signal"] as? Int == 15)
    #expect((line["progress"] as? [String: Double])?["steps"] == 40)
    #expect(try job.run("json").status == 0)
    try job.expectUndisturbed("json")
  }

  @Test func hangupsAndClosedPipesAreIgnored() throws {
    let (job, run) = try started("hangup")
    run.send(SIGHUP)
    run.send(SIGPIPE)
    #expect(try run.end().status == 0)
    try job.expectUndisturbed("hangup")
  }

  /// The first one waits for a checkpoint whose disk hangs for longer than ``RunningCommand/end()`` waits.
  @Test func aSecondInterruptLeavesAtOnce() throws {
    let faults = try Faults.environment("rename", on: "/candidate-", at: 1, "sleep")
    let (job, run) = try started("twice", environment: faults)
    run.send(SIGINT)
    run.send(SIGTERM)
    run.send(SIGINT)
    #expect(try run.end().status == 130)
    #expect(try job.run("twice").status == 0)
    try job.expectUndisturbed("twice")
  }

  @Test func beforeTrainingNothingIsWritten() throws {
    let job = try Self.job.get()
    // Enough pixels for seconds of decoding.
    try job.place.writeImages("large", count: 40)
    func files() throws -> Set<String> { Set(try job.place.everything().keys.filter { !$0.hasPrefix(".std") }) }
    let before = try files()
    let run = try RunningCommand(
      Workplace.tiny("large", ["--size", "4000", "--out", "early", "--json"]), in: job.place.path)
    usleep(1_000_000)
    run.send(SIGINT)
    let outcome = try run.end()
    #expect(outcome.status == 130)
    #expect(outcome.errors.contains("interrupted before training; nothing was lost. To start again: "))
    #expect(outcome.lines == [#"{"event":"interrupted","progress":null,"run":"early","signal":2}"#])
    #expect(try files() == before)
    try job.place.remove("large")
  }

  /// The library's own way, without signals.
  @Test func aRequestStopsTheLibrarysRun() throws {
    let place = try Workplace()
    try place.writeData()
    var options = FineTuneOptions(
      data: place.absolute("data"), model: "resnet8", weights: nil, out: place.absolute("run"))
    (options.size, options.steps, options.batchSize, options.learningRate) = (16, 5, 4, .fixed(0.01))
    (options.threads, options.device) = (1, .cpu)
    let interruption = Interruption()
    let error = try #require(throws: TrainingError.self) {
      try FineTuner(options).run(interruption: interruption) { event in
        if case .step(let step) = event, step.step == 2 { #expect(!interruption.request()) }
      }
    }
    guard case .interrupted(options.out, let progress) = error else { throw error }
    #expect(progress.description == "step 3 of 5 at learning rate 0.01")
    // Requested before training, it stops after a step, too.
    let early = Interruption()
    #expect(early.request())
    #expect(throws: TrainingError.self) { try FineTuner(options).run(interruption: early) }
    let resumed = try FineTuner(options).run()
    options.out = place.absolute("undisturbed")
    let undisturbed = try FineTuner(options).run()
    #expect(resumed.elbo == undisturbed.elbo)
    #expect(try place.contents("run/model.safetensors") == place.contents("undisturbed/model.safetensors"))
  }

  @Test func aSecondCommandIsToldWhoHoldsTheRun() throws {
    let (job, run) = try started("held")
    run.send(SIGSTOP)
    let outcome = try job.run("held")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("held: process \(run.pid) on \(ProcessInfo.processInfo.hostName), since 2"))
    #expect(outcome.errors.contains("writes to this folder"))
    let overwriting = try job.run("held", ["--overwrite"])
    #expect(overwriting.status == 1 && overwriting.errors.contains("process \(run.pid)"))
    // Killed, it holds nothing any more.
    run.send(SIGKILL)
    _ = try run.end()
    #expect(try job.run("held").status == 0)
    try job.expectUndisturbed("held")
  }

  @Test func ofTwoCommandsAtOnceOneMakesTheRun() throws {
    let job = try Self.job.get()
    let runs = try [job.start("both"), job.start("both")]
    let outcomes = try runs.map { try $0.end() }
    #expect(outcomes.filter { $0.output.contains("learned") }.count == 1, "\(outcomes)")
    // The other one came too early, or so late that nothing was left to do.
    for outcome in outcomes where !outcome.output.contains("learned") {
      let isRefused = outcome.status == 1 && outcome.errors.contains("writes to this folder")
      #expect(isRefused || outcome.output.contains("both: finished already"), "\(outcome)")
    }
    try job.expectUndisturbed("both")
  }
}

import Datasets
import Foundation
import Testing
import Torch
import Training

/// Whole runs as on a GPU, but on the CPU: resident images, blocks of steps, and checkpoints between them.
@Suite struct DeviceRunTests {
  private static let steps = 45

  /// A folder with a table of 8 × 8 images of three classes, in the layout of the digits.
  private func withData(_ body: (_ folder: String, _ options: (String) -> FineTuneOptions) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("gridless-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let rows = (0..<30).map { image in
      ((0..<64).map { "\(($0 * (image % 3 + 2) + image * 5) % 17)" } + ["\(image % 3)"]).joined(separator: ",")
    }
    let table = folder.appendingPathComponent("table.csv").path
    try rows.joined(separator: "\n").write(toFile: table, atomically: true, encoding: .utf8)
    try body(folder.path) { out in
      var options = FineTuneOptions(data: table, model: "resnet8", weights: nil, out: "\(folder.path)/\(out)")
      (options.size, options.steps, options.batchSize, options.learningRate) = (16, Self.steps, 8, .fixed(0.02))
      (options.device, options.threads, options.initialSigma) = (.cpu, 1, 2e-3)
      options.trainsAsOnGPU = true
      return options
    }
  }

  private func steps(_ run: String) -> [Int] {
    RunFolder(run).readMetrics().filter { $0.event == "step" }.compactMap(\.step)
  }

  /// Every step has its event and its row, in order; a run that is stopped in a block goes on at the next, with the
  /// undisturbed run's bytes.
  ///
  /// So does one of MAP.
  @Test(arguments: [ObjectiveKind.deELBO, .map]) func aRunIsWholeAndGoesOnAfterAnInterruption(
    objective: ObjectiveKind
  ) throws {
    try withData { folder, plain in
      func options(_ out: String) -> FineTuneOptions {
        var options = plain(out)
        options.objective = objective
        if objective == .map {
          (options.alpha, options.beta, options.initialSigma) = (
            1e-3, 1e-4, FineTuneConfiguration.publishedInitialSigma
          )
        }
        return options
      }
      var events: [Int] = []
      let undisturbed = try FineTuner(options("a")).run { if case .step(let step) = $0 { events.append(step.step) } }
      #expect(events == Array(1...Self.steps))
      let rows = steps("\(folder)/a")
      #expect(rows == Array(1...Self.steps))
      #expect(undisturbed.loss.isFinite)

      let interruption = Interruption()
      #expect(throws: TrainingError.self) {
        try FineTuner(options("b")).run(interruption: interruption) {
          if case .step(let step) = $0, step.step == 7 { interruption.request() }
        }
      }
      let kept = steps("\(folder)/b")
      #expect(kept == Array(1...40))
      try FineTuner(options("b")).run()
      for file in ["metrics.jsonl", "model.safetensors"] {
        let bytes = try ["a", "b"].map { try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\($0)/\(file)")) }
        #expect(bytes[0] == bytes[1], "\(file)")
      }
    }
  }

  /// A rate that diverges within a block is told with its step, after the rows of the steps before it.
  @Test func divergenceIsToldWithItsStep() throws {
    try withData { folder, options in
      var options = options("c")
      (options.learningRate, options.checkpointEvery) = (.fixed(1e30), .steps(1))
      let error = #expect(throws: TrainingError.self) {
        try FineTuner(options).run {
          // The block's steps before the one that fails lead nowhere, and are not saved.
          guard case .step = $0 else { return }
          let checkpoints = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/c/checkpoints")
          #expect(!checkpoints.contains { $0.hasPrefix("candidate-") }, "\(checkpoints)")
        }
      }
      guard case .diverged(_, _, let step, _, _) = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(step > 1)
      let rows = steps("\(folder)/c")
      #expect(rows == Array(1..<step))
    }
  }

  /// A race's legs end within blocks; stopped in a leg, in a branch and on the way to the end, it goes on as
  /// undisturbed.
  @Test func aRaceIsWholeAndGoesOnAfterAnInterruption() throws {
    try withData { folder, options in
      func race(_ out: String) -> FineTuneOptions {
        var options = options(out)
        (options.learningRate, options.steps) = (.race, 150)
        return options
      }
      var events: [Int] = []
      let undisturbed = try FineTuner(race("a")).run {
        if case .step(let step) = $0, !step.isCooling { events.append(step.step) }
      }
      let rows = steps("\(folder)/a")
      #expect(rows == events)
      #expect(events.suffix(100) == Array(51...150))
      #expect(undisturbed.rungs?.count == 7)

      var stops = 0
      while true {
        let interruption = Interruption()
        do {
          try FineTuner(race("b")).run(interruption: interruption) {
            guard case .step(let step) = $0 else { return }
            if step.isCooling != (stops % 2 == 0) || step.step > 60 { interruption.request() }
          }
          break
        } catch TrainingError.interrupted { stops += 1 }
      }
      #expect(stops >= 7)
      for file in ["metrics.jsonl", "model.safetensors"] {
        let bytes = try ["a", "b"].map { try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\($0)/\(file)")) }
        #expect(bytes[0] == bytes[1], "\(file)")
      }
    }
  }

  /// What has no blocks is told, with all reasons, and trained by the host's steps.
  @Test func whatIsTakenOneByOneIsTold() throws {
    try withData { _, options throws in
      func notes(_ out: String, _ change: (inout FineTuneOptions) -> Void) throws -> [String] {
        var options = options(out)
        (options.steps, options.initialSigma) = (2, FineTuneConfiguration.publishedInitialSigma)
        change(&options)
        var notes: [String] = []
        try FineTuner(options).run { if case .note(let note) = $0 { notes.append(note) } }
        return notes.filter { $0.contains("one by one") }
      }
      func note(_ reasons: String) -> [String] {
        ["with \(reasons) steps on a GPU are taken one by one, not in blocks: slower"]
      }
      #expect(try notes("plain") { _ in }.isEmpty)
      #expect(
        try notes("many") { ($0.samples, $0.posterior) = (2, .layerwise) }
          == note("--samples and a posterior that is not isotropic"))
      #expect(try notes("scales") { $0.priorScales = .layerwise } == note("prior scales that are not global"))
      #expect(try notes("given") { ($0.lambda, $0.tau, $0.sigma) = (0.1, 0.1, 1e-3) }.isEmpty)
      #expect(try notes("prior") { $0.prior = .none }.isEmpty)
      #expect(try notes("map") { ($0.objective, $0.alpha, $0.beta) = (.map, 1e-3, 1e-4) }.isEmpty)
      #expect(try notes("evidence") { $0.objective = .laplace } == note("the Laplace evidence"))
    }
  }

  /// `auto` on a machine whose GPU cannot be used says why; a device that was asked for says nothing.
  @Test func aGPUThatIsNotUsedIsTold() throws {
    let notes = DeviceChoice.auto.notes(driver: "/dev/null")
    #expect(notes.count == (Runtime.cudaLoadError == nil ? 0 : 1))
    if let reason = Runtime.cudaLoadError { #expect(notes.first?.contains(reason) == true) }
    #expect(DeviceChoice.auto.notes(driver: "/nowhere").isEmpty)
    #expect(DeviceChoice.cpu.notes(driver: "/dev/null").isEmpty)
  }
}

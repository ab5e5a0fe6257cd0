import ArgumentParser
import Foundation
import Gridless

/// `gridless-bench startup`: from `gridless finetune` to the first training step.
struct Startup: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Time from `gridless finetune` to its first training step.",
    discussion: """
      The command's progress lines are timed as they come, on few small images, so that decoding and steps take little. \
      Start-up is the time until the first step is done, less what a later step takes.
      """)

  @OptionGroup var data: DataOptions

  @Option(help: "The network.")
  var model = "resnet50"

  @Option(help: "How many runs; the median is printed.")
  var repeats = 3

  func run() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("gridless-bench-startup-\(getpid())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let network = try Backbone.named(model).makeNetwork(classes: 2)
    let weights = folder.appendingPathComponent("weights.safetensors").path
    try Safetensors.write(network.namedArrays(network.initialState(seed: 0)), to: weights)
    var times: [(begin: Double, startup: Double)] = []
    try data.withFolder { images in
      for index in 0..<repeats {
        times.append(try time(images: images, weights: weights, out: folder.appendingPathComponent("run\(index)").path))
      }
    }
    print(
      markdown([
        ["\(model), 100 images, from the start of the process", "seconds"],
        ["until training begins, with reading weights and decoding", Spread(times.map(\.begin)).text(digits: 2)],
        ["until the first step, its own time left out", Spread(times.map(\.startup)).text(digits: 2)],
      ]))
  }

  /// Seconds until the command says what it trains, and until its first step without a step's own time.
  private func time(images: String, weights: String, out: String) throws -> (begin: Double, startup: Double) {
    let command = URL(fileURLWithPath: ownPath).deletingLastPathComponent().appendingPathComponent("gridless").path
    let clock = ContinuousClock()
    let start = clock.now
    // Progress goes to standard error.
    let process = try ChildProcess(
      [
        "sh", "-c", "exec \"$@\" 2>&1", "sh", command, "finetune", images, "--model", model, "--weights", weights,
        "--out", out, "--size", "64", "--batch-size", "8", "--n", "100", "--steps", "5", "--lr", "0.01",
      ], cpus: firstCores(ProcessInfo.processInfo.activeProcessorCount))
    defer { process.end() }
    var begin: Double?
    var steps: [Double] = []
    while let line = process.nextLine() {
      let seconds = (clock.now - start) / .seconds(1)
      if line.contains("steps at learning rate") { begin = seconds }
      if line.hasPrefix("Error") { say(line) }
      if line.contains("  step ") { steps.append(seconds) }
    }
    guard let begin, let first = steps.first, steps.count == 5 else { throw BenchError.childEnded(command) }
    return (begin, first - Spread(zip(steps, steps.dropFirst()).map { $1 - $0 }).median)
  }
}

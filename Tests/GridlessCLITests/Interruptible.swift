import Foundation
import Gridless
import Testing

/// A small run that writes many checkpoints and searches for the learning rate, and what it gives undisturbed.
final class Interruptible: Sendable {
  let place: Workplace
  let arguments: [String]
  private let model: Data
  /// Nil where no posterior is learned.
  private let posterior: Data?
  private let metrics: Data
  private let events: [Data]
  /// How long the undisturbed run took, in seconds.
  let seconds: Double

  /// Makes the undisturbed run, in the folder `undisturbed`.
  init(steps: Int = 4, _ options: [String] = ["--lr", "auto", "--checkpoint-every", "1"]) throws {
    let place = try Workplace()
    try place.writeData()
    arguments = Workplace.tiny("data", ["--steps", "\(steps)"] + options)
    let start = ContinuousClock.now
    let outcome = try Command.run(arguments + ["--out", "undisturbed"], in: place.path)
    guard outcome.status == 0 else { throw Unexpected(outcome.errors) }
    seconds = (ContinuousClock.now - start) / .seconds(1)
    model = try place.contents("undisturbed/model.safetensors")
    posterior = try? place.contents("undisturbed/posterior.safetensors")
    metrics = try place.contents("undisturbed/metrics.jsonl")
    events = try Self.events(place, "undisturbed")
    self.place = place
  }

  /// The records of a run's event file but those of the result, without their times: what TensorBoard shows of the
  /// steps.
  private static func events(_ place: Workplace, _ folder: String) throws -> [Data] {
    var (rest, records) = (try place.contents("\(folder)/events.out.tfevents.gridless")[...], [Data]())
    // Eight bytes of length, its checksum, the message, its checksum; a message begins with the time.
    while rest.count > 16 {
      let length = rest.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
      records.append(Data(rest.dropFirst(12 + 9).prefix(length - 9)))
      rest = rest.dropFirst(16 + length)
    }
    #expect(rest.isEmpty)
    return records.filter { $0.range(of: Data("loss".utf8)) != nil && $0.range(of: Data("result/".utf8)) == nil }
      .filter { $0.range(of: Data("_hparams_".utf8)) == nil }
  }

  /// Starts the run in a folder.
  func start(_ folder: String, _ more: [String] = [], environment: [String: String] = [:]) throws -> RunningCommand {
    try RunningCommand(arguments + ["--out", folder] + more, in: place.path, environment: environment)
  }

  /// Makes the run, or goes on with it, to its end.
  func run(_ folder: String, _ more: [String] = []) throws -> Outcome { try start(folder, more).end() }

  /// The finished run must be the undisturbed one, and leave nothing behind.
  func expectUndisturbed(_ folder: String, _ comment: Comment? = nil) throws {
    #expect(try place.contents("\(folder)/model.safetensors") == model, comment)
    #expect((try? place.contents("\(folder)/posterior.safetensors")) == posterior, comment)
    #expect(try place.contents("\(folder)/metrics.jsonl") == metrics, comment)
    #expect(try Self.events(place, folder) == events, comment)
    let files = try FileManager.default.contentsOfDirectory(atPath: place.absolute(folder)).sorted()
    let expected =
      ["README.md", "config.json", "data.json", "events.out.tfevents.gridless", "metrics.jsonl", "model.safetensors"]
      + (posterior == nil ? [] : ["posterior.safetensors"]) + ["summary.json"]
    #expect(files.filter { $0 != "checkpoints" } == expected, comment)
    let kept = (try? FileManager.default.contentsOfDirectory(atPath: place.absolute("\(folder)/checkpoints"))) ?? []
    #expect(kept.allSatisfy { $0.contains(".damaged") }, comment)
  }

  /// Its checkpoints, the newest last.
  func checkpoints(_ folder: String) throws -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: place.absolute("\(folder)/checkpoints"))) ?? []
    return names.filter { ($0.hasPrefix("candidate-") || $0.hasPrefix("leg-")) && $0.hasSuffix(".safetensors") }
      .sorted()
      .map { "\(folder)/checkpoints/\($0)" }
  }

  /// Kills a run right when it has written the checkpoint of a name.
  func killAfter(_ checkpoint: String, in folder: String) throws {
    let faults = try Faults.environment("rename", on: "/.\(checkpoint).safetensors.", at: 1, "done")
    #expect(try start(folder, environment: faults).end().status == -SIGKILL)
    #expect(FileManager.default.fileExists(atPath: place.absolute("\(folder)/checkpoints/\(checkpoint).safetensors")))
  }
}

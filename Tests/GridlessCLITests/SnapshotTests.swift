import Foundation
import Gridless
import Testing

/// What the command prints word by word, kept in `Snapshots`.
///
/// After a wanted change: `GRIDLESS_UPDATE_SNAPSHOTS=1 swift test -c release --filter SnapshotTests`, then read the
/// difference.
@Suite struct SnapshotTests {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Snapshots")
  private static let isUpdating = ProcessInfo.processInfo.environment["GRIDLESS_UPDATE_SNAPSHOTS"] != nil

  private func expect(_ text: String, matches name: String) throws {
    let file = Self.folder.appending(path: "\(name).txt")
    if Self.isUpdating { try Data(text.utf8).write(to: file) }
    let stored = try String(contentsOf: file, encoding: .utf8)
    #expect(text == stored, "\(name).txt differs; see SnapshotTests for how to update it")
  }

  @Test(arguments: [
    "", "finetune", "compare", "evaluate", "predict", "prior", "vocabulary", "report", "export", "convert", "fetch",
    "models", "doctor",
  ])
  func help(_ subcommand: String) throws {
    let place = try Workplace()
    let outcome = try Command.run([subcommand, "--help"].filter { !$0.isEmpty }, in: place.path)
    #expect(outcome.status == 0)
    #expect(outcome.errors.isEmpty)
    #expect(outcome.lines.allSatisfy { $0.count <= 80 || $0.hasPrefix("USAGE") })
    try expect(outcome.output, matches: subcommand.isEmpty ? "help" : "help-\(subcommand)")
  }

  @Test func version() throws {
    let outcome = try Workplace().gridless("--version")
    #expect(outcome.status == 0)
    #expect(outcome.output == gridlessVersion + "\n")
  }

  @Test func models() throws {
    let table = try Workplace().gridless("models")
    #expect(table.status == 0)
    try expect(table.output, matches: "models")
    let lines = try Workplace().gridless("models", "--json")
    let objects = try lines.objects()
    #expect(objects.map { $0["name"] as? String } == Backbone.all.map(\.name))
    for object in objects {
      #expect(Set(object.keys) == ["event", "name", "parameters", "input_size", "feature_width", "weights"])
      #expect(object["event"] as? String == "model")
    }
    try expect(lines.output, matches: "models-json")
  }

  /// The part of `doctor` that does not depend on the machine.
  private func diagnosis(_ place: Workplace, _ data: String) throws -> String {
    let outcome = try place.gridless("doctor", data)
    for label in ["gridless", "libtorch", "processor", "features", "gpu", "memory", "disk"] {
      #expect(outcome.lines.contains { $0.hasPrefix(label) })
    }
    let about = outcome.lines.drop { !$0.hasPrefix("data ") }.map { $0 + "\n" }.joined()
    return "exit code \(outcome.status)\n\(about)\(outcome.errors)"
  }

  @Test func doctorOnGoodData() throws {
    let place = try Workplace()
    try place.writeData()
    try expect(diagnosis(place, "data"), matches: "doctor-good")
  }

  @Test func doctorOnValues() throws {
    let place = try Workplace()
    try place.writeValues()
    try expect(diagnosis(place, "values.csv"), matches: "doctor-values")
  }

  @Test func doctorOnBadData() throws {
    let place = try Workplace()
    try place.writeData()
    try place.write("data/train/red 赤/note.jpg", Data("not a picture\n".utf8))
    try place.write("data/test/red 赤/nothing.png", Data())
    try expect(diagnosis(place, "data"), matches: "doctor-unreadable")
    try place.makeFolder("data/train/vide")
    try expect(diagnosis(place, "data"), matches: "doctor-empty-class")
  }
}

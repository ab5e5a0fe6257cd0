import Foundation
import Gridless

/// Where small studies are made: eight training and four test images of two classes.
final class StudyPlace: Sendable {
  let place: Workplace

  init() throws {
    place = try Workplace()
    try place.writeData()
    try place.write("grid.json", Data(#"{"lr": [0.01, 0.001], "alpha": [0.01, 0], "beta": [0.001]}"#.utf8))
  }

  /// The arguments of a study of runs of three steps; later ones override.
  static func arguments(_ methods: String, _ more: [String] = []) -> [String] {
    ["compare", "data", "--model", "resnet8", "--weights", "none", "--size", "16", "--steps", "3", "--batch-size", "4"]
      + ["--device", "cpu", "--threads", "1", "--grid", "grid.json", "--budget", "3runs", "--configs", "4"]
      + ["--initial-sigma", "1e-3", "--methods", methods, "--out", "study", "--json"] + more
  }

  func compare(_ methods: String, _ more: String...) throws -> Outcome {
    try Command.run(Self.arguments(methods, more), in: place.path)
  }

  var folder: StudyFolder { StudyFolder(place.absolute("study")) }

  /// The lines of the table that `--json` prints, without times.
  static func table(_ outcome: Outcome) throws -> [NSDictionary] {
    try outcome.objects().filter { $0["event"] as? String == "method" }.map { row in
      NSDictionary(dictionary: row.filter { $0.key != "hours" && $0.key != "speed_up" })
    }
  }

  /// Every trial's record, without times.
  static func records(_ folder: StudyFolder) throws -> [TrialRecord] {
    try folder.records().map { record in
      var record = record
      (record.seconds, record.trainingSeconds, record.finishedAfter) = (nil, nil, nil)
      return record
    }
  }

  /// The names of the trials that ended, as the processes that ended them noted.
  func ended() throws -> [String] {
    try String(contentsOfFile: folder.log, encoding: .utf8).split(separator: "\n").map { line in
      let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return object?["id"] as? String ?? ""
    }
  }
}

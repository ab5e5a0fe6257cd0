import Foundation
import Gridless
import Testing

/// `evaluate` and `predict` on runs and images that are not what they should be.
@Suite struct RunErrorTests {
  private func finished() throws -> Workplace {
    let place = try Workplace()
    try place.writeData()
    #expect(try place.finetune("data", "--quiet").status == 0)
    return place
  }

  private func expect(_ outcome: Outcome, status: Int32 = 1, says: String...) {
    #expect(outcome.status == status)
    #expect(outcome.output.isEmpty)
    for text in says { #expect(outcome.errors.contains(text)) }
  }

  @Test func somethingThatIsNoRun() throws {
    let place = try Workplace()
    try place.writeData()
    for command in [["evaluate", "nowhere", "--data", "data"], ["predict", "nowhere", "image.png"]] {
      expect(
        try Command.run(command, in: place.path), says: "nowhere: no such folder",
        "the folder that was given to finetune")
    }
    for command in [["evaluate", "data", "--data", "data"], ["predict", "data", "image.png"]] {
      expect(try Command.run(command, in: place.path), says: "data: no model.safetensors", "not a finished run")
    }
  }

  @Test func imagesThatCannotBePredicted() throws {
    let place = try finished()
    try place.write("note.txt", Data("not a picture\n".utf8))
    expect(
      try place.gridless("predict", "run", "note.txt"), says: "note.txt: not an image (found text", "Pass image files")
    expect(try place.gridless("predict", "run", "gone.png"), says: "gone.png: No such file", "Pass image files")
    try place.write("empty/.hidden.png", try Workplace.picture(0).bytes)
    try place.write("empty/below/note.txt", Data("not a picture\n".utf8))
    expect(
      try place.gridless("predict", "run", "empty"), says: "empty: a folder without a .jpg, .jpeg, .png or .webp file",
      "Pass image files")
    expect(try place.gridless("predict", "run"), status: 64, says: "nothing to predict", "--text")
  }

  @Test func classesThatCannotBeShown() throws {
    let place = try finished()
    for top in ["0", "-2"] {
      expect(
        try place.gridless("predict", "run", "gone.png", "--top", top), status: 64,
        says: "--top \(top): expected at least 1.")
    }
    expect(
      try place.gridless("predict", "run", "gone.png", "--top", "3"), status: 64,
      says: "--top 3: the model of run has 2 classes. Pass at most 2.")
  }

  @Test func dataThatCannotBeEvaluated() throws {
    let place = try finished()
    expect(try place.gridless("evaluate", "run"), status: 64, says: "Missing expected argument '--data <data>'")
    expect(try place.gridless("evaluate", "run", "--data", "gone"), says: "gone: no such file or folder")
    expect(
      try place.gridless("evaluate", "run", "--data", "data", "--split", "val"), status: 64,
      says:
        "data: no val split (found train, test). Add it (of images, in class folders), or choose one that is there (--split, in training --train-splits)."
    )
    expect(
      try place.gridless("evaluate", "run", "--data", "data", "--split", "tset"), status: 64,
      says: "'tset' is invalid for '--split <split>'")
    try place.writeImages("other/test", classes: ["iris", "rose"], count: 1)
    expect(
      try place.gridless("evaluate", "run", "--data", "other"),
      says: "other: holds none of the model's classes (found iris, rose, expected some of bleu été, red 赤)")
    try place.write("values.csv", Data("path,value\na.png,1\n".utf8))
    expect(
      try place.gridless("evaluate", "run", "--data", "values.csv"),
      says: "values.csv: its column value holds numbers, but classes are expected. Pass data with classes")
  }

  /// What is said of a run that lacks a file leads out of it, whichever command is given.
  @Test func aFinishedRunThatLacksAFile() throws {
    let place = try finished()
    let commands = [["evaluate", "run", "--data", "data"], Workplace.tiny()]
    let remedy = "Put a copy of the file back, or give the finetune command again with --overwrite"
    try place.copy("run", to: "whole")
    try place.remove("run/model.safetensors")
    for command in commands {
      expect(try Command.run(command, in: place.path), says: "run/model.safetensors: is missing. \(remedy)")
    }
    try place.copy("whole/model.safetensors", to: "run/model.safetensors")
    try place.write("run/summary.json", Data("{".utf8))
    expect(try Command.run(Workplace.tiny(), in: place.path), says: "run/summary.json: is damaged. \(remedy)")
    expect(try place.gridless("report", "run"), says: "run/summary.json: is damaged. \(remedy)")
  }

  @Test func aDamagedModel() throws {
    let place = try finished()
    let model = try place.contents("run/model.safetensors")
    try place.write("run/model.safetensors", model.prefix(model.count / 2))
    expect(
      try place.gridless("evaluate", "run", "--data", "data"),
      says: "run/model.safetensors: is damaged (", "truncated", "Put a copy of the file back")
    // Sound, but not written by finetune.
    try place.writeCheckpoint("run/model.safetensors")
    expect(
      try place.gridless("evaluate", "run", "--data", "data"), says: "run/model.safetensors: no readable classes")
  }

  /// Writes a number over elements of a tensor of the run's model, all if `elements` is nil.
  private func set(_ value: Float, in elements: Range<Int>? = nil, of name: String, _ place: Workplace) throws {
    var model = try place.contents("run/model.safetensors")
    let file = try SafetensorsFile(path: place.absolute("run/model.safetensors"))
    let info = try #require(file.info(name))
    let start = model.count - (file.tensors.map(\.byteRange.upperBound).max() ?? 0) + info.byteRange.lowerBound
    let bytes = withUnsafeBytes(of: value.bitPattern.littleEndian) { Data($0) }
    for index in elements ?? 0..<info.count {
      model.replaceSubrange(start + 4 * index..<start + 4 * index + 4, with: bytes)
    }
    try place.write("run/model.safetensors", model)
  }

  @Test func aNaNInTheModel() throws {
    let place = try finished()
    try set(.nan, in: 0..<1, of: "linear.bias", place)
    expect(
      try place.gridless("evaluate", "run", "--data", "data"), says: "run/model.safetensors: linear.bias[0] is nan")
  }

  /// Weights that are finite, but whose outputs are not: what was measured is told, not lost.
  @Test func outputsThatAreNotFinite() throws {
    let place = try finished()
    try set(.greatestFiniteMagnitude, of: "linear.weight", place)
    let outcome = try place.gridless("evaluate", "run", "--data", "data", "--json")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains(#""nll":"NaN""#), "\(outcome.output)")
    let line = try #require(outcome.lines.last)
    let found = try JSON.decode(Metrics.self, from: Data(line.utf8)).test
    #expect(found.nll.isNaN)
    #expect(found.reliability?.contains { $0.count > 0 && $0.confidence == nil } == true)
  }

  private struct Metrics: Decodable { var test: ClassificationMetrics }

  @Test func unknownSubcommand() throws {
    expect(try Workplace().gridless("finetuen"), status: 64, says: "Unexpected argument 'finetuen'")
  }
}

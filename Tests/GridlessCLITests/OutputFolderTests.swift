import Foundation
import Testing

/// Which folders a run may be written to.
@Suite struct OutputFolderTests {
  /// A place with data and the finished run `run`.
  private func finished() throws -> Workplace {
    let place = try Workplace()
    try place.writeData()
    #expect(try place.finetune().status == 0)
    return place
  }

  private func expectRefusal(_ place: Workplace, _ arguments: [String], says: [String]) throws {
    let before = try place.everything()
    let outcome = try Command.run(Workplace.tiny("data", arguments), in: place.path)
    #expect(outcome.status == 1)
    #expect(outcome.output.isEmpty)
    for text in says { #expect(outcome.errors.contains(text)) }
    #expect(try place.everything() == before)
  }

  @Test func aFinishedRunWithOtherArgumentsIsKept() throws {
    try expectRefusal(
      try finished(), ["--seed", "5"],
      says: ["run: holds a run with another configuration:", "seed: 0 there, 5 now", "--overwrite"])
  }

  @Test func anInterruptedRunWithAnotherConfigurationIsKept() throws {
    let place = try finished()
    try place.remove("run/summary.json")
    try expectRefusal(
      place, ["--steps", "4", "--lr", "auto"],
      says: [
        "run: holds a run with another configuration:", "steps: 3 there, 4 now",
        "learning_rates: [0.01] there, [0.1,0.03,0.01,0.003,0.001] now", "race: unset there, true now",
        "Pass another --out, or the same arguments",
      ])
  }

  /// Without a checkpoint, there is nothing that metrics could belong to.
  @Test func anInterruptedRunWithoutACheckpointStartsAgain() throws {
    let place = try finished()
    let model = try place.contents("run/model.safetensors")
    try place.remove("run/summary.json")
    try place.write("run/metrics.jsonl", Data("{}\n".utf8))
    let outcome = try place.finetune()
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("note: run holds an interrupted run with the same configuration"))
    #expect(try place.contents("run/model.safetensors") == model)
    #expect(try String(decoding: place.contents("run/metrics.jsonl"), as: UTF8.self).hasPrefix("{\"candidate_lr\""))
  }

  @Test func aConfigurationThatCannotBeReadIsKept() throws {
    let place = try Workplace()
    try place.writeData()
    try place.write("run/config.json", Data("{".utf8))
    try expectRefusal(place, [], says: ["run: expected a new or empty folder", "config.json", "Pass another --out"])
  }

  @Test func aFolderOfOtherFilesIsKept() throws {
    let place = try Workplace()
    try place.writeData()
    try expectRefusal(
      place, ["--out", "data", "--overwrite"],
      says: ["data: expected a new or empty folder, found test, train", "Pass another --out"])
  }

  @Test func aFileIsNoFolder() throws {
    let place = try Workplace()
    try place.writeData()
    try place.write("file", Data("precious".utf8))
    try expectRefusal(place, ["--out", "file"], says: ["file: expected a new or empty folder, found a file"])
    try expectRefusal(place, ["--out", "file/run"], says: ["file/run: cannot be written (file is not a folder)"])
  }

  /// Not even root can make a folder there.
  @Test(arguments: ["/proc/run", "/sys/run"]) func aReadOnlyPlaceIsRefused(_ out: String) throws {
    let place = try Workplace()
    try place.writeData()
    try expectRefusal(place, ["--out", out], says: ["\(out): cannot be written (", "Pass a place on a disk"])
    #expect(!FileManager.default.fileExists(atPath: out))
  }

  @Test(.enabled(if: getuid() != 0, "permissions do not bind root"))
  func aFolderWithoutPermissionIsRefused() throws {
    let place = try Workplace()
    try place.writeData()
    try place.makeFolder("locked")
    try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: place.absolute("locked"))
    defer { try? FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: place.absolute("locked")) }
    try expectRefusal(
      place, ["--out", "locked/run"],
      says: ["locked/run: cannot be written (Permission denied)", "Pass a place on a disk"])
  }

  @Test func foldersOnTheWayAreMade() throws {
    let place = try Workplace()
    try place.writeData()
    try place.makeFolder("empty")
    for out in ["deep/er/run", "slash/", "empty", place.absolute("absolute/run")] {
      let result = try place.result("data", "--out", out)
      #expect(result["run"] as? String == out)
      let files = try FileManager.default.contentsOfDirectory(
        atPath: out.hasPrefix("/") ? out : place.absolute(out))
      let expected = ["README", "config", "data", "events", "metrics", "model", "posterior", "summary"]
      #expect(files.sorted().map { $0.split(separator: ".").first.map(String.init) } == expected)
    }
  }
}

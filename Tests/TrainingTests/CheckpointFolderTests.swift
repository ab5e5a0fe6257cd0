import Foundation
import Testing
import Training
import Weights

/// Checkpoints that cannot be read now may be whole: nothing of them is removed.
@Suite struct CheckpointFolderTests {
  private func names(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
  }

  /// What a checkpoint refers to that cannot be read is not known.
  @Test func whatMayBeReferredToStays() throws {
    let scratch = ScratchFolder()
    let folder = scratch.path("checkpoints")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let files = ["best-01.safetensors", "candidate-02-step-000000004.safetensors", "kept-01.safetensors"]
    for name in files { try Data("damaged".utf8).write(to: URL(fileURLWithPath: "\(folder)/\(name)")) }
    let checkpoints = CheckpointFolder(path: folder)
    checkpoints.removeUnused()
    #expect(try names(folder) == files)
    // Without a checkpoint they are of no use.
    try FileManager.default.removeItem(atPath: "\(folder)/\(files[1])")
    checkpoints.removeUnused()
    #expect(try names(folder).isEmpty)
  }

  /// A run that an older version began, whose σ was learned otherwise, goes on, and says so.
  @Test func aCheckpointOfAnOlderVersionIsTold() throws {
    let table = try TableRun(images: 30)
    let options = table.options("run") { ($0.steps, $0.checkpointEvery) = (6, .steps(1)) }
    let interruption = Interruption()
    #expect(throws: TrainingError.self) {
      try FineTuner(options).run(interruption: interruption) {
        if case .step(let step) = $0, step.step == 3 { interruption.request() }
      }
    }
    func notes() throws -> [String] {
      var notes: [String] = []
      try FineTuner(options).run { if case .note(let note) = $0 { notes.append(note) } }
      return notes
    }
    let folder = RunFolder(table.folder.path("run")).checkpoints
    for name in try names(folder) {
      let file = try SafetensorsFile(path: "\(folder)/\(name)")
      let arrays = try file.tensors.filter { $0.name != "crc32" }.map { info in
        NamedArray(name: info.name, shape: info.shape, try file.doubles(info.name))
      }
      var metadata = file.metadata
      metadata["format"] = "gridless checkpoint 2"
      try Safetensors.write(arrays, metadata: metadata, checksum: true, to: "\(folder)/\(name)")
    }
    #expect(try notes().contains { $0.contains("begun by an older version") })
    #expect(try !notes().contains { $0.contains("begun by an older version") }, "it is finished")
  }

  /// The system refuses to open the newest checkpoint, as where too many files are open: the run is not begun anew, and
  /// goes on once it can be read.
  @Test func aCheckpointThatCannotBeReadIsNotDamaged() throws {
    let table = try TableRun(images: 30)
    func options(_ out: String) -> FineTuneOptions {
      table.options(out) { ($0.steps, $0.checkpointEvery) = (6, .steps(1)) }
    }
    try FineTuner(options("undisturbed")).run()
    let interruption = Interruption()
    #expect(throws: TrainingError.self) {
      try FineTuner(options("run")).run(interruption: interruption) {
        if case .step(let step) = $0, step.step == 3 { interruption.request() }
      }
    }
    let folder = RunFolder(table.folder.path("run")).checkpoints
    let before = try names(folder)
    let last = try #require(before.last)
    let newest = "\(folder)/\(last)"
    // A folder in its place is what even root cannot read as a file.
    let aside = table.folder.path("aside")
    try FileManager.default.moveItem(atPath: newest, toPath: aside)
    try FileManager.default.createDirectory(atPath: newest, withIntermediateDirectories: false)
    let error = #expect(throws: WeightsError.self) { try FineTuner(options("run")).run() }
    #expect(error == .unreadable(path: newest, reason: "not a regular file"))
    #expect(try names(folder) == before)

    try FileManager.default.removeItem(atPath: newest)
    try FileManager.default.moveItem(atPath: aside, toPath: newest)
    try FineTuner(options("run")).run()
    for file in ["metrics.jsonl", "model.safetensors"] {
      let expected = try #require(FileManager.default.contents(atPath: table.folder.path("undisturbed/\(file)")))
      #expect(FileManager.default.contents(atPath: table.folder.path("run/\(file)")) == expected, "\(file)")
    }
  }
}

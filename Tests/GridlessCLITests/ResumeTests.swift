import Foundation
import Gridless
import Testing

/// Going on with a run: what it says, what it refuses, what it keeps.
@Suite struct ResumeTests {
  /// Killed in the second learning rate's training.
  private static let middle = "candidate-02-step-000000003"
  private static let job = Result { try Interruptible(["--lr", "grid", "--checkpoint-every", "1"]) }

  private func interrupted(_ folder: String) throws -> Interruptible {
    let job = try Self.job.get()
    try job.killAfter(Self.middle, in: folder)
    return job
  }

  @Test func anInterruptedRunSaysWhereItGoesOn() throws {
    let job = try interrupted("plain")
    let outcome = try job.run("plain", ["--json"])
    #expect(outcome.status == 0)
    #expect(
      outcome.errors.contains("note: plain holds an interrupted run with the same configuration; it goes on after"))
    #expect(outcome.errors.contains("of 4 at learning rate 0.01"))
    // The learning rate that was done before is not told again, but counted.
    #expect(try outcome.objects().map { $0["lr"] as? Double }.dropLast() == [0.01, 0.001, 0.0001])
    let candidates = try outcome.result()["lr_candidates"] as? [[String: Double]]
    #expect(candidates?.map { $0["lr"] } == [0.1, 0.01, 0.001, 0.0001])
    try job.expectUndisturbed("plain")
  }

  /// What stands beside the weights decides about the network and its pixels, and belongs to the run.
  @Test func otherFilesBesideTheWeightsAreNotTheSameRun() throws {
    let place = try Workplace()
    try place.writeData()
    try place.makeFolder("hub")
    try place.writeCheckpoint("hub/start.safetensors", of: "vit_ti_16")
    func write(eps: Double, mean: Double) throws {
      try place.write("hub/config.json", Data(#"{"model_type":"vit","layer_norm_eps":\#(eps)}"#.utf8))
      try place.write(
        "hub/preprocessor_config.json",
        Data(#"{"image_mean":[\#(mean),0.5,0.5],"image_std":[0.5,0.5,0.5]}"#.utf8))
    }
    func finetune() throws -> Outcome {
      try place.finetune(
        "data", "--model", "vit_ti_16", "--size", "224", "--steps", "1", "--batch-size", "2", "--weights",
        "hub/start.safetensors")
    }
    try write(eps: 1e-12, mean: 0.5)
    #expect(try finetune().status == 0)
    #expect(try finetune().output.contains("finished already"))
    try write(eps: 1e-3, mean: 0.25)
    let other = try finetune()
    #expect(other.status == 1, "\(other.errors)")
    #expect(other.errors.contains("the ε of the normalisation layers: 1e-12 there, 0.001 now"), "\(other.errors)")
    #expect(
      other.errors.contains(
        "normalization of pixels: mean [0.5, 0.5, 0.5] std [0.5, 0.5, 0.5] there, mean [0.25, 0.5, 0.5]"))
  }

  /// σ alone decides what is read in bfloat16, so nothing of it is stored.
  @Test func inBfloat16TheResultIsTheUndisturbedOneToo() throws {
    let job = try Interruptible(
      steps: 6, ["--lr", "0.1", "--checkpoint-every", "1", "--precision", "bf16", "--initial-sigma", "1e-2"])
    try job.killAfter("candidate-01-step-000000003", in: "bf16")
    #expect(try job.run("bf16").status == 0)
    try job.expectUndisturbed("bf16")
  }

  @Test func theLastTwoCheckpointsAreKeptWithTheBestThatTheyNeed() throws {
    let job = try interrupted("two")
    let names = try FileManager.default.contentsOfDirectory(atPath: job.place.absolute("two/checkpoints"))
      .filter { !$0.hasPrefix(".") }
    #expect(names.filter { $0.hasPrefix("candidate-") }.count <= 3)
    #expect(names.filter { $0.hasPrefix("best-") } == ["best-01.safetensors"])
    for name in names { try SafetensorsFile(path: job.place.absolute("two/checkpoints/\(name)")).verifyChecksum() }
  }

  @Test func aFinishedRunIsDoneAlready() throws {
    let job = try Self.job.get()
    let before = try job.place.everything()
    let outcome = try job.run("undisturbed")
    #expect(outcome.status == 0)
    #expect(outcome.lines.count == 1 && outcome.output.hasPrefix("undisturbed: finished already"))
    let json = try job.run("undisturbed", ["--json"])
    #expect(json.lines.count == 1)
    #expect(try json.result()["run"] as? String == "undisturbed")
    #expect(try job.place.everything() == before)
  }

  @Test func overwriteMovesTheOldRunAside() throws {
    let job = try Self.job.get()
    try job.place.copy("undisturbed", to: "again")
    try job.place.write("again/notes.txt", Data("precious".utf8))
    let old = try job.place.everything().filter { $0.key.hasPrefix("again/") }
    for number in 1...2 {
      let outcome = try job.run("again", ["--overwrite", "--steps", "2", "--lr", "0.01"])
      #expect(outcome.status == 0)
      #expect(outcome.errors.contains("the run that was in again is now again.old-\(number)"))
      #expect(outcome.output.contains("run folder     again"))
    }
    for (name, content) in old {
      #expect(try job.place.contents("again.old-1" + name.dropFirst("again".count)) == content)
    }
  }

  @Test func whatCannotChangeTheResultMayChange() throws {
    let job = try interrupted("else")
    try job.place.copy("data", to: "moved data")
    let arguments =
      ["finetune", "moved data"] + job.arguments.dropFirst(2) + ["--out", "else", "--checkpoint-every", "9m"]
    #expect(try Command.run(arguments, in: job.place.path).status == 0)
    try job.expectUndisturbed("else")
  }

  /// Each change of the data, and what is said of it.
  private struct Change: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var says: [String]
    /// What the run is given beside the data and the weights.
    var options: [String] = []
    var make: @Sendable (Workplace) throws -> Void
  }

  /// Writes a prior of two columns around a network at 0.
  private static func writePrior(_ place: Workplace, variance: Float) throws {
    let network = try Backbone.named("resnet8").makeNetwork(classes: 2)
    let count = network.layout.backboneRange.count
    func vector(_ value: Float) -> [Float] { [Float](repeating: value, count: count) }
    try PriorFile.write(
      PretrainedPrior(mean: vector(0), variance: vector(variance), deviations: [vector(0.01), vector(-0.01)]),
      of: network, origin: [:], to: place.absolute("prior.safetensors"))
  }

  /// What has the data, the weights and the prior that a change is made to.
  private static func changeable() throws -> Workplace {
    let place = try Workplace()
    try place.writeData()
    try place.writeCheckpoint("start.safetensors")
    try writePrior(place, variance: 0.01)
    return place
  }

  private static let image = "data/train/red 赤/photo é 3"
  private static let changes = [
    Change(
      testDescription: "an image more", says: ["train: 8 images there, 9 now", "none there, train/red 赤/z.png now"]
    ) {
      try $0.write("data/train/red 赤/z.png", try Workplace.picture(0).bytes)
    },
    Change(testDescription: "an image less", says: ["test: 4 images there, 3 now"]) {
      try $0.remove("data/test/bleu été/photo é 1.\(try Workplace.picture(5).suffix)")
    },
    Change(
      testDescription: "other pixels", says: ["train: 1 of 8 images have other pixels now; first: train/bleu été/"]
    ) {
      try $0.write("data/train/bleu été/photo é 0.png", try Workplace.picture(2).bytes)
    },
    Change(testDescription: "other weights", says: ["weights: checksum ", " now"]) {
      try $0.writeCheckpoint("start.safetensors") { _, state in state.parameters[0][0] += 1 }
    },
    Change(
      testDescription: "another prior of the same name", says: ["prior: checksum ", " now"],
      options: ["--prior", "ptyl", "--prior-file", "prior.safetensors"]
    ) {
      try ResumeTests.writePrior($0, variance: 0.02)
    },
    Change(
      testDescription: "a class of another name",
      says: [
        "classes: 2 there, 2 now; gone: red 赤; new: rouge\n",
        "train: 8 images there, 8 now; first difference: train/red 赤/",
        "test: 4 images there, 4 now; first difference: test/red 赤/",
      ]
    ) { place in
      for split in ["train", "test"] {
        try place.copy("data/\(split)/red 赤", to: "data/\(split)/rouge")
        try place.remove("data/\(split)/red 赤")
      }
    },
    Change(testDescription: "a class more", says: ["classes: 2 there, 3 now; new: vert\n"]) {
      for split in ["train", "test"] {
        try $0.writeImages("data/\(split)", classes: ["vert"], count: 2, from: 6)
      }
    },
  ]

  @Test(arguments: changes) private func changedDataIsRefused(_ change: Change) throws {
    let place = try Self.changeable()
    let arguments = Workplace.tiny(
      "data", ["--weights", "start.safetensors", "--checkpoint-every", "1", "--steps", "60"] + change.options)
    let run = try RunningCommand(arguments, in: place.path)
    try run.wait {
      FileManager.default.fileExists(atPath: place.absolute("run/checkpoints/candidate-01-step-000000002.safetensors"))
    }
    run.send(SIGTERM)
    #expect(try run.end().status == 143)
    try change.make(place)
    let before = try place.everything()
    let outcome = try Command.run(arguments, in: place.path)
    #expect(outcome.status == 1)
    for text in ["run: holds a run on other data or weights:", "Pass another --out"] + change.says {
      #expect(outcome.errors.contains(text), "\(outcome.errors)")
    }
    #expect(try place.everything() == before)
  }

  @Test(arguments: changes) private func changedDataOfAFinishedRunIsRefused(_ change: Change) throws {
    let place = try Self.changeable()
    let arguments = Workplace.tiny("data", ["--weights", "start.safetensors"] + change.options)
    #expect(try Command.run(arguments, in: place.path).status == 0)
    try change.make(place)
    let before = try place.everything()
    let outcome = try Command.run(arguments, in: place.path)
    #expect(outcome.status == 1 && outcome.output.isEmpty)
    for text in ["run: holds a run on other data or weights:", "--overwrite"] + change.says {
      #expect(outcome.errors.contains(text), "\(outcome.errors)")
    }
    #expect(try place.everything() == before)
  }

  @Test func anUnfinishedRunIsNotEvaluated() throws {
    let job = try interrupted("half")
    for command in [["evaluate", "half", "--data", "data"], ["predict", "half", "image.png"]] {
      let outcome = try Command.run(command, in: job.place.path)
      #expect(outcome.status == 1)
      #expect(outcome.errors.contains("half: the run is not finished"))
      #expect(outcome.errors.contains("Give its finetune command again, which goes on where it stopped"))
    }
  }

  /// A run of the version before checkpoints: nothing but its configuration and some metrics.
  @Test func aRunOfAnOlderVersionStartsAgain() throws {
    let job = try interrupted("older")
    try job.place.remove("older/checkpoints")
    try job.place.remove("older/data.json")
    let new = String(decoding: try job.place.contents("older/config.json"), as: UTF8.self)
    let old = new.split(separator: "\n").filter { line in
      !["checkpoint_every", "deterministic", "train"].contains { line.contains("\"\($0)\" :") }
    }
    #expect(old.count == new.split(separator: "\n").count - 3)
    try job.place.write("older/config.json", Data(old.joined(separator: "\n").utf8))
    let outcome = try job.run("older")
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("it goes on from its first step: there is no checkpoint"))
    try job.expectUndisturbed("older")
  }

  /// As is one that is shorter than the checkpoint says.
  @Test func anEventFileThatIsGoneIsMadeFromTheMetrics() throws {
    let job = try interrupted("events")
    try job.place.remove("events/events.out.tfevents.gridless")
    #expect(try job.run("events").status == 0)
    try job.expectUndisturbed("events")
  }

  @Test func theTimesOfAllPartsAddUp() throws {
    let job = try Interruptible(steps: 20, ["--lr", "0.01", "--checkpoint-every", "10m"])
    let run = try job.start("parts")
    try run.wait { run.errorsSoFar.contains("step 2/20") }
    run.send(SIGSTOP)
    usleep(1_000_000)
    run.send(SIGCONT)
    run.send(SIGTERM)
    #expect(try run.end().status == 143)
    let result = try job.run("parts", ["--json"]).result()
    #expect(try #require(result["seconds"] as? Double) > 1)
    try job.expectUndisturbed("parts")
  }
}

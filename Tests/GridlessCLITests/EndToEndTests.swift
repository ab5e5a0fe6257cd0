import Foundation
import Testing

/// finetune, then evaluate and predict on its run, as a user goes on.
@Suite struct EndToEndTests {
  private static let folder = "mes données"
  private static let run = "mes essais/première fois"

  /// A place with a run whose folder, data, classes and images have spaces and accents in their names.
  private static func finished() throws -> (place: Workplace, result: [String: Any]) {
    let place = try Workplace()
    try place.writeData()
    try FileManager.default.moveItem(atPath: place.absolute("data"), toPath: place.absolute(folder))
    return (place, try place.result(folder, "--out", run))
  }

  /// Foundation's idea of a path's folder ended the process where the path had one character.
  @Test func namesMayHaveOneCharacter() throws {
    let place = try Workplace()
    try place.writeImages("d/train", classes: ["a", "b"], count: 4)
    try place.writeImages("d/test", classes: ["a", "b"], count: 2)
    try place.writeCheckpoint("w")
    let images = try FileManager.default.subpathsOfDirectory(atPath: place.absolute("d/train")).filter {
      $0.contains(".")
    }
    let rows = images.map { "d/train/\($0),\($0.prefix(1))\n" }
    try place.write("t", Data(("path,label\n" + rows.joined()).utf8))
    for arguments in [
      Workplace.tiny("d", ["--weights", "w", "--out", "r"]), Workplace.tiny("t", ["--out", "s"]),
      ["evaluate", "r", "--data", "d"], ["predict", "r", "d"], ["report", "r", "--out", "h"], ["export", "r", "o"],
      ["convert", "w", "c", "--model", "resnet8", "--to", "torchvision"],
    ] {
      let outcome = try Command.run(arguments, in: place.path)
      #expect(outcome.status == 0, "\(arguments): \(outcome.errors)")
    }
  }

  /// What cannot be printed is a failure.
  @Test func aFullDeviceIsTold() throws {
    let place = try Workplace()
    let full = try #require(FileHandle(forWritingAtPath: "/dev/full"))
    try place.write("errors", Data())
    let errors = try #require(FileHandle(forWritingAtPath: place.absolute("errors")))
    #expect(try Command.start(["models"], in: place.path, output: full, errors: errors) == 1)
    #expect(
      String(decoding: try place.contents("errors"), as: UTF8.self).contains("standard output: cannot be written"))
  }

  @Test func evaluateRepeatsTheRunsOwnTestMetrics() throws {
    let (place, result) = try Self.finished()
    let evaluation = try place.gridless("evaluate", Self.run, "--data", Self.folder, "--json", "--quiet").result()
    #expect(Set(evaluation.keys) == ["event", "run", "split", "test"])
    #expect(evaluation["event"] as? String == "evaluation")
    #expect(evaluation["run"] as? String == Self.run)
    #expect(evaluation["split"] as? String == "test")
    let found = try metrics(evaluation)
    let expected = try metrics(result)
    #expect(Set(found.keys) == ["accuracy", "balanced_accuracy", "nll", "ece", "brier"])
    for (key, value) in expected { #expect(abs((found[key] ?? .nan) - value) <= 1e-5 * max(1, abs(value))) }
    let (all, before) = (try #require(evaluation["test"]), try #require(result["test"]))
    for key in ["classes", "per_class_accuracy", "confusion"] {
      #expect((all as? [String: Any])?[key] as? NSObject == (before as? [String: Any])?[key] as? NSObject)
    }
  }

  /// With two classes, the probabilities that `predict` prints give all that `evaluate` measures.
  @Test func predictAgreesWithEvaluate() throws {
    let (place, _) = try Self.finished()
    let test = Self.folder + "/test"
    let images = try FileManager.default.subpathsOfDirectory(atPath: place.absolute(test)).filter { $0.contains(".") }
    let outcome = try Command.run(
      ["predict", Self.run] + images.map { "\(test)/\($0)" } + ["--device", "cpu", "--json"], in: place.path)
    let predictions = try outcome.objects()
    #expect(predictions.map { $0["image"] as? String } == images.map { "\(test)/\($0)" })

    var (correct, logLoss) = (0.0, 0.0)
    for (image, prediction) in zip(images, predictions) {
      #expect(Set(prediction.keys) == ["event", "image", "class", "probability", "logits", "probabilities", "top"])
      #expect(prediction["event"] as? String == "prediction")
      let named = try #require(prediction["class"] as? String)
      let probability = try #require(prediction["probability"] as? Double)
      let logits = try #require(prediction["logits"] as? [Double])
      let classIndex = try #require(Workplace.classes.firstIndex(of: named))
      #expect(abs(probability - exp(logits[classIndex]) / logits.reduce(0) { $0 + exp($1) }) < 1e-9)
      #expect((0.5...1).contains(probability))
      let probabilities = try #require(prediction["probabilities"] as? [String: Double])
      #expect(Set(probabilities.keys) == Set(Workplace.classes) && probabilities[named] == probability)
      #expect(abs(probabilities.values.reduce(0, +) - 1) < 1e-9)
      let top = try #require(prediction["top"] as? [[String: Any]])
      #expect(top.count == 1 && Set(top[0].keys) == ["class", "probability"])
      #expect(top[0]["class"] as? String == named && top[0]["probability"] as? Double == probability)
      let isCorrect = image.hasPrefix(named + "/")
      correct += isCorrect ? 1 : 0
      logLoss -= log(isCorrect ? probability : 1 - probability)
    }
    let evaluation = try place.gridless("evaluate", Self.run, "--data", Self.folder, "--json").result()
    let found = try metrics(evaluation)
    let count = Double(images.count)
    #expect(images.count == 4)
    #expect(found["accuracy"] == correct / count)
    #expect(abs((found["nll"] ?? .nan) - logLoss / count) < 1e-4)
  }

  @Test func withoutJSONAPersonReadsIt() throws {
    let place = try Workplace()
    try place.writeData()
    let run = try place.finetune()
    #expect(run.status == 0)
    for word in ["model", "training set", "learned", "loss", "learning rate", "test", "time", "run folder"] {
      #expect(run.lines.contains { $0.hasPrefix(word) })
    }
    #expect(run.lines.last == "run folder     run")
    // Without a terminal: whole lines, no bar.
    #expect(!run.errors.contains("\r") && !run.errors.contains("\u{1B}") && !run.errors.contains("█"))
    let lines = run.errors.split(separator: "\n")
    #expect(lines.contains("decoded 8 images of train") && lines.contains("decoded 4 images of test"))
    for step in 1...3 { #expect(lines.filter { $0.contains("step \(step)/3  loss ") }.count == 1) }

    let evaluation = try place.gridless("evaluate", "run/", "--data", "data", "--split", "train")
    #expect(evaluation.status == 0)
    #expect(evaluation.lines.count == 1 && evaluation.output.hasPrefix("train  accuracy "))
    #expect(evaluation.output.contains("   Brier ") && evaluation.output.contains("   ECE "))
    let details = try place.gridless("evaluate", "run/", "--data", "data", "--split", "train", "--details")
    #expect(details.output.hasPrefix(evaluation.output + "\nconfidence   examples  mean   accuracy\n"))
    #expect(details.lines.contains("0.000-0.067  0         -      -"))
    #expect(details.lines.count == 1 + 16 + 3)
    for name in Workplace.classes { #expect(details.lines.suffix(2).contains { $0.hasPrefix("\(name)  ") }) }

    let image = try #require(
      try FileManager.default.subpathsOfDirectory(atPath: place.absolute("data/test")).first { $0.hasSuffix("g") })
    let prediction = try place.gridless("predict", "run", "data/test/\(image)")
    #expect(prediction.status == 0)
    #expect(prediction.lines.count == 1 && prediction.output.hasPrefix("data/test/\(image)  "))
  }

  @Test func quietSaysNothingButTheResult() throws {
    let place = try Workplace()
    try place.writeData()
    let outcome = try place.finetune("data", "--quiet")
    #expect(outcome.status == 0)
    #expect(outcome.errors.isEmpty)
    #expect(outcome.output.contains("run folder"))
  }

  @Test func unreadableImagesAreLeftOutOnRequest() throws {
    let place = try Workplace()
    try place.writeData()
    for split in ["train", "test"] { try place.write("data/\(split)/red 赤/note.jpg", Data("not a picture\n".utf8)) }
    let outcome = try place.finetune("data", "--skip-unreadable", "--json")
    #expect(try outcome.result()["n"] as? Int == 8)
    #expect(outcome.errors.contains("note: skipped data/train/red 赤/note.jpg: not an image"))
    let refused = try place.gridless("evaluate", "run", "--data", "data")
    #expect(refused.status == 1 && refused.errors.contains("data/test/red 赤/note.jpg: not an image"))
    let evaluation = try place.gridless("evaluate", "run", "--data", "data", "--skip-unreadable", "--json")
    #expect(try metrics(evaluation.result()) == metrics(outcome.result()))
  }

  @Test func aPretrainedCheckpointIsTheStart() throws {
    let place = try Workplace()
    try place.writeData()
    try place.writeCheckpoint("start.safetensors")
    let outcome = try place.finetune("data", "--weights", "start.safetensors", "--json")
    #expect(!outcome.errors.contains("training from scratch"))
    // Near its own mean, the prior is far narrower than around zero.
    let pretrained = try #require(try outcome.result()["lambda"] as? Double)
    let scratch = try #require(try place.result("data", "--out", "scratch")["lambda"] as? Double)
    #expect(pretrained < scratch / 10)
  }

  /// The numbers among a split's metrics.
  private func metrics(_ object: [String: Any]) throws -> [String: Double] {
    try #require(object["test"] as? [String: Any]).compactMapValues { $0 as? Double }
  }
}

import Foundation
import Gridless
import Testing

/// The command on texts: from a CSV to a vocabulary, a run, its measurement and predictions.
@Suite struct TextCommandTests {
  private func place() throws -> Workplace {
    let place = try Workplace()
    let sport = ["the team won the match", "a goal in the last minute", "the match was lost", "team and goal"]
    let money = ["shares of the bank fell", "profit rose at the bank", "a bank sold shares", "no profit in shares"]
    let rows = zip(sport, money).flatMap { ["\"2\",\"\($0)\",\"\"", "\"1\",\"Bank\",\"\($1)\""] }.joined(
      separator: "\n")
    for split in ["train", "test"] { try place.write("news/\(split).csv", Data((rows + "\n").utf8)) }
    return place
  }

  private func finetune(_ place: Workplace, _ arguments: [String]) throws -> Outcome {
    try Command.run(
      [
        "finetune", "news", "--model", "bert-tiny", "--steps", "3", "--batch-size", "4", "--lr", "0.01", "--device",
        "cpu",
      ]
        + ["--threads", "1", "--max-tokens", "16"] + arguments, in: place.path)
  }

  @Test func fromTextsToPredictions() throws {
    let place = try place()
    let made = try place.gridless("vocabulary", "news", "--out", "vocab.txt", "--size", "60")
    #expect(made.status == 0 && made.output == "vocab.txt: 60 word pieces of 8 texts\n")
    #expect(
      try place.gridless("vocabulary", "news", "--out", "vocab.txt").errors.contains("vocab.txt: is there already"))

    try place.write("cased.txt", try place.contents("vocab.txt") + Data("The\nBank\n".utf8))
    let cased = try finetune(place, ["--weights", "none", "--vocab", "cased.txt", "--out", "cased"])
    #expect(cased.status == 64 && cased.errors.contains("2 of its 62 tokens have capitals"), "\(cased.errors)")
    // Capitals without a lower case are no sign of a cased vocabulary.
    try place.write("plain.txt", try place.contents("vocab.txt") + Data("𝐅\n𝐑\n𝐄\n".utf8))
    #expect(try finetune(place, ["--weights", "none", "--vocab", "plain.txt", "--out", "plain"]).status == 0)

    let run = try finetune(place, ["--weights", "none", "--vocab", "vocab.txt", "--out", "run"])
    #expect(run.status == 0, "\(run.errors)")
    #expect(try place.contents("run/vocab.txt") == place.contents("vocab.txt"))
    let next = try finetune(place, ["--weights", "run/model.safetensors", "--out", "next", "--json"])
    #expect(try next.result()["n"] as? Int == 8)

    let evaluation = try place.gridless("evaluate", "next", "--data", "news", "--threads", "1")
    #expect(evaluation.status == 0 && evaluation.output.hasPrefix("test  accuracy "))
    let prediction = try place.gridless(
      "predict", "run", "--text", "The team won", "--text", "-5 % profit", "--text", "~/ of it", "--text=~/", "--json",
      "--threads", "1")
    let objects = try prediction.objects()
    #expect(objects.map { $0["text"] as? String } == ["The team won", "-5 % profit", "~/ of it", "~/"])
    let keys: Set = ["event", "text", "class", "probability", "logits", "probabilities", "top"]
    #expect(objects.allSatisfy { Set($0.keys) == keys })
    for object in objects {
      let probabilities = try #require(object["probabilities"] as? [String: Double])
      let named = try #require(object["class"] as? String)
      #expect(Set(probabilities.keys) == ["1", "2"] && probabilities[named] == object["probability"] as? Double)
    }
    let table = try place.gridless("predict", "run", "news/test.csv", "--threads", "1")
    #expect(table.lines.count == 8 && table.lines[1].hasPrefix("news/test.csv:2  "))
    let two = try place.gridless("predict", "run", "news/test.csv", "--top", "2", "--threads", "1")
    #expect(two.lines.count == 16 && two.lines[3].hasPrefix("news/test.csv:2  ") && two.lines[2] == table.lines[1])
    let three = try place.gridless("predict", "run", "--text", "profit", "--top", "3")
    #expect(three.status == 64 && three.errors.contains("--top 3: the model of run has 2 classes"))
    try place.write("photo.jpg", try Workplace.picture(1).bytes)
    for (file, found) in [("photo.jpg", "a binary file"), ("news", "a folder")] {
      let refused = try place.gridless("predict", "run", file)
      #expect(refused.status == 1 && refused.output.isEmpty)
      #expect(
        refused.errors.contains("\(file): found \(found), expected a CSV or TSV file of texts."), "\(refused.errors)")
    }
    let doctor = try place.gridless("doctor", "news")
    #expect(doctor.status == 0 && doctor.output.contains("8 texts, the longest of 28 bytes"))
  }

  /// A number for each text: from the table to measurement, predictions, the ONNX model and the page.
  @Test func textsMayHaveNumbers() throws {
    let place = try Workplace()
    let words = ["good", "fair", "poor"]
    let truths = (0..<12).map { Double(40 - 10 * ($0 % 3) + $0) }
    let rows = truths.enumerated().map { row, truth in
      let text = "a \(words[row % 3]) meal" + String(repeating: " and a \(words[row / 4]) drink", count: row % 2)
      return "\(text),\(truth),\(row < 9 ? "train" : "test")"
    }
    try place.write("meals.csv", Data((["text,value,split"] + rows).joined(separator: "\n").utf8))
    let arguments = [
      "finetune", "meals.csv", "--model", "bert-tiny", "--weights", "none", "--steps", "3", "--batch-size", "4", "--lr",
      "0.01", "--device", "cpu", "--threads", "1", "--max-tokens", "16", "--out", "run",
    ]
    let run = try Command.run(arguments + ["--json"], in: place.path)
    let result = try run.result()
    #expect(run.errors.contains("9 examples with values, D = "), "\(run.errors)")
    #expect(result["likelihood"] as? String == "gaussian" && result["test"] == nil)
    let test = try #require(result["test_regression"] as? [String: Double])
    let evaluation = try place.gridless("evaluate", "run", "--data", "meals.csv", "--threads", "1", "--json").result()
    let found = try #require(evaluation["test_regression"] as? [String: Double])
    #expect(Set(found.keys) == ["rmse", "mae", "r2", "nll"])
    for (key, value) in test { #expect(abs((found[key] ?? .nan) - value) <= 1e-5 * max(1, abs(value)), "\(key)") }

    // The table's last three rows are the test split.
    let objects = try place.gridless("predict", "run", "meals.csv", "--threads", "1", "--json").objects()
    #expect(objects.map { $0["source"] as? String } == (2...13).map { "meals.csv:\($0)" })
    #expect(objects.allSatisfy { Set($0.keys) == ["event", "text", "source", "value", "noise"] })
    let noise = try #require(result["noise"] as? Double)
    #expect(objects.allSatisfy { abs(($0["noise"] as? Double ?? .nan) / noise - 1) < 1e-9 })
    let values = try objects.map { try #require($0["value"] as? Double) }
    let squares = (9..<12).reduce(0.0) { $0 + pow(values[$1] - truths[$1], 2) }
    let rmse = (squares / 3).squareRoot()
    #expect(abs(rmse / (test["rmse"] ?? .nan) - 1) < 1e-4)
    let given = try place.gridless("predict", "run", "--text", "a good meal", "--threads", "1", "--json").result()
    #expect(Set(given.keys) == ["event", "text", "value", "noise"])
    let table = try place.gridless("predict", "run", "meals.csv", "--threads", "1")
    #expect(table.lines.count == 12)
    #expect(table.lines.allSatisfy { $0.hasPrefix("meals.csv:") && $0.contains(" ± ") }, "\(table.output)")
    let top = try place.gridless("predict", "run", "--text", "a good meal", "--top", "1")
    #expect(top.status == 64 && top.errors.contains("--top 1: the model of run predicts numbers"), "\(top.errors)")

    let export = try place.gridless("export", "run", "net.onnx", "--json").result()
    let ports = [export["inputs"], export["outputs"]].map { $0 as? [[String: Any]] ?? [] }
    #expect(ports.map { $0.map { $0["name"] as? String } } == [["input_ids", "attention_mask"], ["values"]])
    #expect(ports[0].allSatisfy { $0["shape"] as? [String] == ["batch", "tokens"] })
    #expect(ports[1].allSatisfy { $0["shape"] as? [String] == ["batch", "1"] })
    let report = try place.gridless("report", "run", "--threads", "1")
    #expect(report.status == 0 && !report.errors.contains("missing"), "\(report.errors)")
  }

  /// Every method takes texts.
  @Test func methodsAreComparedOnTexts() throws {
    let place = try place()
    try place.write("grid.json", Data(#"{"lr": [0.01], "alpha": [0.01, 0], "beta": [0.1]}"#.utf8))
    try #require(try place.gridless("vocabulary", "news", "--out", "vocab.txt", "--size", "60").status == 0)
    func compare(_ arguments: String...) throws -> Outcome {
      try Command.run(
        ["compare", "news", "--model", "bert-tiny", "--weights", "none", "--steps", "3", "--batch-size", "4"]
          + ["--threads", "1", "--max-tokens", "16", "--grid", "grid.json", "--out", "study", "--json"] + arguments,
        in: place.path)
    }
    let outcome = try compare("--methods", "de-elbo,map-grid,la-lml,la-clml", "--vocab", "vocab.txt", "--kappas", "1,D")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let rows = try outcome.objects().filter { $0["event"] as? String == "method" }
    #expect(rows.map { $0["method"] as? String } == ["de-elbo", "map-grid", "la-lml", "la-clml", "kappa", "kappa"])
    #expect(rows.allSatisfy { $0["accuracy"] is Double && $0["failed"] as? Int == 0 })
    let parameters = try Backbone.named("bert-tiny").makeNetwork(classes: 2, vocabulary: 60).layout.count
    #expect(rows.last?["swept_kappa"] as? Double == Double(parameters))
    #expect(try place.gridless("report", "study").status == 0)

    let unknown = try compare("--methods", "de-elbo", "--kappas", "D/N", "--out", "other")
    #expect(unknown.status == 64 && unknown.errors.contains("D is not known before"), "\(unknown.errors)")
    let size = try compare("--methods", "de-elbo", "--size", "32", "--out", "other")
    #expect(size.status == 64 && size.errors.contains("--size 32: bert-tiny reads texts"), "\(size.errors)")
  }

  @Test func whatIsAnsweredToMistakes() throws {
    let place = try place()
    try place.writeData()
    func errors(_ arguments: String...) throws -> String {
      let outcome = try Command.run(arguments, in: place.path)
      #expect(outcome.status != 0)
      return outcome.errors
    }
    // What only images have.
    for option in [["--size", "32"], ["--resize", "shortest"], ["--augment", "none"]] {
      let refused = try finetune(place, ["--weights", "none", "--out", "run"] + option)
      #expect(refused.status == 64, "\(refused.errors)")
      #expect(refused.errors.contains("\(option.joined(separator: " ")): bert-tiny reads texts. Leave it out"))
    }
    let images = try place.gridless("vocabulary", "data", "--out", "v.txt")
    #expect(images.status == 64 && images.errors.contains("Usage: gridless vocabulary"), "\(images.errors)")
    #expect(
      try errors("finetune", "data", "--model", "bert-tiny", "--weights", "none", "--out", "run").contains(
        "holds images"))
    #expect(
      try errors("finetune", "news", "--model", "resnet8", "--weights", "none", "--out", "run").contains("holds texts"))
    #expect(try errors("vocabulary", "data", "--out", "v.txt").contains("data: holds images"))
    #expect(try errors("predict", "run").contains("nothing to predict"))
    #expect(try place.finetune("data").status == 0)
    #expect(try errors("predict", "run", "--text", "words").contains("reads images"))
    #expect(
      try errors("prior", "news", "--model", "bert-tiny", "--weights", "w.safetensors", "--out", "p.safetensors")
        .contains("priors are made of networks of images"))
  }
}

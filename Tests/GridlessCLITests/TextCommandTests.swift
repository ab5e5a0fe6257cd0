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
    #expect(try place.gridless("vocabulary", "news", "--out", "vocab.txt").errors.contains("--overwrite replaces it"))

    let run = try finetune(place, ["--weights", "none", "--vocab", "vocab.txt", "--out", "run"])
    #expect(run.status == 0, "\(run.errors)")
    #expect(try place.contents("run/vocab.txt") == place.contents("vocab.txt"))
    let next = try finetune(place, ["--weights", "run/model.safetensors", "--out", "next", "--json"])
    #expect(try next.result()["n"] as? Int == 8)

    let evaluation = try place.gridless("evaluate", "next", "--data", "news", "--threads", "1")
    #expect(evaluation.status == 0 && evaluation.output.hasPrefix("test  accuracy "))
    let prediction = try place.gridless(
      "predict", "run", "--text", "The team won", "--text", "-5 % profit", "--json", "--threads", "1")
    let objects = try prediction.objects()
    #expect(objects.map { $0["text"] as? String } == ["The team won", "-5 % profit"])
    #expect(objects.allSatisfy { Set($0.keys) == ["event", "text", "class", "probability", "logits"] })
    let table = try place.gridless("predict", "run", "news/test.csv", "--threads", "1")
    #expect(table.lines.count == 8 && table.lines[1].hasPrefix("news/test.csv:2  "))
    let doctor = try place.gridless("doctor", "news")
    #expect(doctor.status == 0 && doctor.output.contains("8 texts, the longest of 28 bytes"))
  }

  @Test func whatIsAnsweredToMistakes() throws {
    let place = try place()
    try place.writeData()
    func errors(_ arguments: String...) throws -> String {
      let outcome = try Command.run(arguments, in: place.path)
      #expect(outcome.status != 0)
      return outcome.errors
    }
    #expect(
      try finetune(place, ["--weights", "none", "--out", "run", "--size", "32"]).errors.contains(
        "bert-tiny reads texts"))
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

import Foundation
import Gridless
import Testing

extension Workplace {
  /// Writes `values.csv` and its images: 60 noisy gray ones, whose value is 100 plus twice their brightness, every
  /// third of them for testing.
  func writeValues() throws {
    var rows = ["path,value,split"]
    for index in 0..<60 {
      let brightness = 30 + Double(index * 37 % 60) * 3.25
      let pixels = (0..<256).map { UInt8(brightness + Double(($0 * 97 + index * 31) % 41 - 20)) }
      try write("gray/\(index).png", PNG.gray(pixels, width: 16, height: 16))
      rows.append("gray/\(index).png,\(100 + 2 * brightness),\(index % 3 == 2 ? "test" : "train")")
    }
    try write("values.csv", Data((rows.joined(separator: "\n") + "\n").utf8))
  }
}

/// Regression from the command line: a number per image.
@Suite struct RegressionTests {
  /// From the network of the demo, which knows digits and has to learn what brightness is.
  private static let arguments = Workplace.tiny(
    "values.csv",
    [
      "--weights", Workplace.digitsNetwork, "--steps", "200", "--batch-size", "8", "--lr", "0.01", "--initial-sigma",
      "1e-3",
    ])

  /// A finished run, for all tests here.
  private static let finished = Result { () throws -> (place: Workplace, outcome: Outcome) in
    let place = try Workplace()
    try place.writeValues()
    return (place, try Command.run(arguments + ["--json"], in: place.path))
  }

  private func numbers(_ object: [String: Any]) throws -> [String: Double] {
    try #require(object["test_regression"] as? [String: Double])
  }

  @Test func learnsTheNumber() throws {
    let (place, outcome) = try Self.finished.get()
    let result = try outcome.result()
    #expect(result["likelihood"] as? String == "gaussian")
    #expect(result["n"] as? Int == 40)
    #expect(result["test"] == nil)
    let test = try numbers(result)
    #expect(Set(test.keys) == ["rmse", "mae", "r2", "nll"])
    let (rmse, r2) = (try #require(test["rmse"]), try #require(test["r2"]))
    #expect(r2 > 0.9 && r2 < 1)
    // The values' standard deviation is about 112.
    #expect(rmse > 0 && rmse < 40 && (test["mae"] ?? .infinity) <= rmse)
    let noise = try #require(result["noise"] as? Double)
    let nll = 0.5 * (log(2 * .pi * noise * noise) + rmse * rmse / (noise * noise))
    #expect(abs(try #require(test["nll"]) / nll - 1) < 1e-9)
    // s² is the closed form: the log likelihood is that of squared errors of this size.
    let logLikelihood = try #require(result["log_likelihood"] as? Double)
    #expect(abs(logLikelihood / (-20 * (log(2 * .pi * noise * noise) + 1)) - 1) < 1e-9)
    let steps = String(decoding: try place.contents("run/metrics.jsonl"), as: UTF8.self).split(separator: "\n")
    #expect(steps.dropLast().allSatisfy { $0.contains("\"noise\":") })
    #expect(outcome.errors.contains("40 examples with values, D = "))
  }

  @Test func evaluateAndPredictAgree() throws {
    let (place, outcome) = try Self.finished.get()
    let expected = try numbers(outcome.result())
    let evaluation = try place.gridless("evaluate", "run", "--data", "values.csv", "--json").result()
    #expect(Set(evaluation.keys) == ["event", "run", "split", "test_regression"])
    let found = try numbers(evaluation)
    for (key, value) in expected { #expect(abs((found[key] ?? .nan) / value - 1) < 1e-5) }

    let test = (0..<60).filter { $0 % 3 == 2 }.map { "gray/\($0).png" }
    let predictions = try Command.run(["predict", "run"] + test + ["--json"], in: place.path).objects()
    let table = String(decoding: try place.contents("values.csv"), as: UTF8.self)
    var squares = 0.0
    for (name, prediction) in zip(test, predictions) {
      #expect(Set(prediction.keys) == ["event", "image", "value", "noise"])
      #expect(prediction["image"] as? String == name)
      let row = try #require(table.split(separator: "\n").first { $0.hasPrefix(name + ",") })
      let value = try #require(Double(row.split(separator: ",")[1]))
      squares += pow(try #require(prediction["value"] as? Double) - value, 2)
    }
    #expect(abs((squares / 20).squareRoot() / (found["rmse"] ?? .nan) - 1) < 1e-4)
  }

  @Test func aPersonReadsIt() throws {
    let (place, _) = try Self.finished.get()
    let evaluation = try place.gridless("evaluate", "run", "--data", "values.csv", "--details")
    #expect(evaluation.lines.count == 1 && evaluation.output.hasPrefix("test  RMSE "))
    for word in ["MAE", "R² 0.", "NLL"] { #expect(evaluation.output.contains("   \(word)")) }
    let prediction = try place.gridless("predict", "run", "gray/0.png")
    #expect(prediction.lines.count == 1 && prediction.output.hasPrefix("gray/0.png  "))
    // Two digits of the noise, and as many decimals of the value.
    let found = try #require(prediction.output.firstMatch(of: /^gray\/0\.png  (-?\d+)(\.\d+)? ± (\d+)(\.\d+)?\n/))
    #expect(found.2?.count == found.4?.count, "\(prediction.output)")
    let folder = try place.gridless("predict", "run", "gray/", "--json").objects()
    #expect(folder.compactMap { $0["image"] as? String } == (0..<60).map { "gray/\($0).png" }.sorted())
    let top = try place.gridless("predict", "run", "gray/0.png", "--top", "1")
    #expect(top.status == 64 && top.errors.contains("--top 1: the model of run predicts numbers, not classes."))
    let run = try Command.run(Workplace.tiny("values.csv", ["--out", "short", "--noise", "20"]), in: place.path)
    #expect(run.status == 0)
    #expect(run.lines.contains { $0.hasPrefix("learned") && $0.hasSuffix("noise 20") })
    #expect(run.lines.contains { $0.hasPrefix("test") && $0.contains("RMSE ") })
  }

  /// The noise's moving average is part of a checkpoint.
  @Test func anInterruptedRunGoesOnBitForBit() throws {
    let (place, outcome) = try Self.finished.get()
    #expect(outcome.status == 0)
    let arguments = Self.arguments + ["--out", "parts", "--checkpoint-every", "1"]
    for checkpoint in ["candidate-01-step-000000003", "candidate-01-step-000000090"] {
      let run = try RunningCommand(arguments, in: place.path)
      let path = place.absolute("parts/checkpoints/\(checkpoint).safetensors")
      try run.wait { FileManager.default.fileExists(atPath: path) }
      run.send(SIGKILL)
      #expect(try run.end().status == -SIGKILL)
    }
    #expect(try Command.run(arguments, in: place.path).status == 0)
    for name in ["metrics.jsonl", "model.safetensors"] {
      #expect(try place.contents("parts/\(name)") == place.contents("run/\(name)"))
    }
  }

  @Test func changedValuesAreRefused() throws {
    let (place, _) = try Self.finished.get()
    let table = String(decoding: try place.contents("values.csv"), as: UTF8.self)
    let changed = table.replacingOccurrences(of: "gray/4.png,", with: "gray/4.png,9")
    try place.write("changed.csv", Data(changed.utf8))
    let arguments = ["finetune", "changed.csv"] + Self.arguments.dropFirst(2)
    let outcome = try Command.run(arguments, in: place.path)
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("run: holds a run on other data"))
    #expect(outcome.errors.contains("train: gray/4.png is 3"))
  }

  @Test func aRunOfNumbersIsNotMeasuredOnClassesNorTheReverse() throws {
    let (place, _) = try Self.finished.get()
    try place.writeData()
    let numbers = try place.gridless("evaluate", "run", "--data", "data")
    #expect(numbers.status == 1)
    #expect(numbers.errors.contains("data: holds classes, but numbers are expected"))
    #expect(try place.finetune("data", "--out", "classes").status == 0)
    let classes = try place.gridless("evaluate", "classes", "--data", "values.csv")
    #expect(classes.status == 1)
    #expect(classes.errors.contains("values.csv: its column value holds numbers, but classes are expected"))
  }
}

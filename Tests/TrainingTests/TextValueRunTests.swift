import Backbones
import Datasets
import Foundation
import Testing
import Torch
import Training

/// Runs of `bert-tiny` that predict a number of each text.
@Suite struct TextValueRunTests {
  init() throws { try Runtime.setThreads(1) }

  /// A table of texts of 2 to 31 words, whose number grows with their length; the last twelve are for testing.
  private struct Table {
    let folder = ScratchFolder()
    let texts: [String]
    let values: [Double]
    var path: String { folder.path("texts.csv") }

    init() throws {
      let words = ["goal", "team", "the", "orbit", "of", "in", "bank", "today"]
      texts = (0..<48).map { (text: Int) -> String in
        let count: Int = 2 + text * 7 % 30
        let chosen: [String] = (0..<count).map { (place: Int) in words[(text * 5 + place * 3) % 8] }
        return chosen.joined(separator: " ")
      }
      values = (0..<48).map { (text: Int) -> Double in 20 + 1.5 * Double(text * 7 % 30) + Double(text % 3) }
      let rows = texts.indices.map { "\(texts[$0]),\(values[$0]),\($0 < 36 ? "train" : "test")" }
      try (["text,value,split"] + rows).joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
    }

    func options(_ out: String) -> FineTuneOptions {
      var options = FineTuneOptions(data: path, model: "bert-tiny", weights: nil, out: folder.path(out))
      (options.steps, options.batchSize, options.learningRate) = (20, 8, .fixed(0.1))
      (options.device, options.threads, options.initialSigma, options.precision) = (.cpu, 1, 1e-3, .float32)
      (options.maxTokens, options.evidenceSamples) = (24, 2)
      return options
    }
  }

  /// A run, its measurement and its predictions, against the network's output for each text alone.
  @Test func fromATableToPredictions() throws {
    let table = try Table()
    let result = try FineTuner(table.options("run")).run()
    #expect(result.likelihood == "gaussian" && result.n == 36 && result.test == nil)
    let (test, noise) = (try #require(result.testRegression), try #require(result.noise))
    let saved = try SavedModel(run: RunFolder(table.folder.path("run")))
    #expect(saved.classes.isEmpty)
    let tokenizer = try #require(saved.preparation.tokenizer)

    let inputs = Array(try TextInput.read(table.path).suffix(12))
    let (texts, values) = (Array(table.texts.suffix(12)), Array(table.values.suffix(12)))
    let scale = PlainScale(table.values.prefix(36))
    func alone(_ model: Model) throws -> [Double] {
      scale(
        try texts.map { text in
          let numbers = tokenizer.encode(text).map { Int64($0) }
          return try withoutGrad {
            try model(Tensor(numbers, shape: [1, numbers.count]), mode: .evaluation).item()
          }
        })
    }
    let expected = try alone(saved.model(device: .cpu))
    #expect((expected.max() ?? 0) - (expected.min() ?? 0) > 0.02, "every text has the same number")
    // Batches are by length; what is predicted is in the texts' own order.
    for batchSize in [5, nil] {
      let predictions = try saved.predictValues(inputs, device: .cpu, batchSize: batchSize)
      #expect(predictions.map(\.text) == texts)
      #expect(predictions.map(\.source) == (38...49).map { "\(table.path):\($0)" })
      for (prediction, value) in zip(predictions, expected) {
        #expect(abs(prediction.value - value) < 2e-3 && abs(prediction.noise / noise - 1) < 1e-9)
      }
    }
    let plain = PlainErrors(expected, variances: [Double](repeating: noise * noise, count: 12), values)
    #expect(test.distance(from: plain) < 5e-3, "\(test), by hand \(plain)")

    let draws = try saved.plainDraws(2, sigma: result.sigma, alone)
    let averages = try saved.predictValues(inputs, device: .cpu, average: 2)
    for (index, average) in averages.enumerated() {
      let ofDraws = PlainScale(draws.map { $0[index] })
      let deviation = (noise * noise + ofDraws.deviation * ofDraws.deviation).squareRoot()
      #expect(abs(average.value - ofDraws.mean) < 5e-3 && abs(average.noise / deviation - 1) < 1e-4)
    }
    let metrics = try #require(
      try saved.evaluate(data: table.path, split: .test, device: .cpu, batchSize: 5).regression)
    #expect(metrics.distance(from: plain) < 5e-3, "\(metrics), by hand \(plain)")
  }

  /// A model of numbers names no classes, and the reverse; neither is measured on data of the other kind.
  @Test func whatDoesNotGoTogether() throws {
    let (table, classes, images) = (try Table(), try TextRunTests.Table(), try ValueTable())
    var options = table.options("run")
    options.steps = 2
    try FineTuner(options).run()
    let numbers = try SavedModel(run: RunFolder(options.out))
    try FineTuner(classes.options("run") { $0.steps = 2 }).run()
    let names = try classes.saved("run")
    let texts = [TextInput("the team")]
    #expect(throws: TrainingError.invalidOption("this model predicts numbers: use predictValues")) {
      try numbers.predict(texts, device: .cpu)
    }
    #expect(throws: TrainingError.invalidOption("this model predicts classes: use predict")) {
      try names.predictValues(texts, device: .cpu)
    }
    let pictures = #expect(throws: TrainingError.self) { try numbers.predictValues(images.files, device: .cpu) }
    #expect(pictures?.description.contains("bert-tiny reads texts. Pass --text") == true)
    #expect(throws: DatasetError.classesForValues(path: classes.path)) {
      try numbers.evaluate(data: classes.path, split: .test, device: .cpu)
    }
    #expect(throws: DatasetError.valuesForClasses(path: table.path)) {
      try names.evaluate(data: table.path, split: .test, device: .cpu)
    }
    let other = #expect(throws: TrainingError.self) {
      try numbers.evaluate(data: images.path, split: .test, device: .cpu)
    }
    #expect(other?.description == "--data \(images.path): the model reads texts, the data holds none. Pass others.")
  }
}

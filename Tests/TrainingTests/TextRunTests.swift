import Backbones
import Datasets
import Foundation
import Testing
import Torch
import Training
import Weights

/// Runs of `bert-tiny` on made-up texts of three topics.
@Suite struct TextRunTests {
  /// A table of texts, each of its topic's words and of words of no topic, 2 to 31 words long.
  final class Table {
    let folder = ScratchFolder()
    var path: String { folder.path("texts.csv") }

    init(texts: Int = 48) throws {
      let topics = [["goal", "team", "match"], ["shares", "profit", "bank"], ["orbit", "chip", "software"]]
      let others = ["the", "a", "of", "in", "said", "today", "new", "over"]
      let rows = (0..<texts).map { text in
        let words = (0..<2 + text * 7 % 30).map { word in
          word % 3 == 0 ? topics[text % 3][(text + word) % 3] : others[(text * 5 + word) % 8]
        }
        return
          "\(words.joined(separator: " ")),\(["sport", "money", "space"][text % 3]),\(text < 36 ? "train" : "test")"
      }
      try (["text,label,split"] + rows).joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
    }

    func options(
      _ out: String, weights: String? = nil, _ change: (inout FineTuneOptions) -> Void = { _ in }
    ) -> FineTuneOptions {
      var options = FineTuneOptions(data: path, model: "bert-tiny", weights: weights, out: folder.path(out))
      (options.steps, options.batchSize, options.learningRate) = (40, 8, .fixed(0.1))
      (options.device, options.threads, options.initialSigma, options.precision) = (.cpu, 1, 1e-3, .float32)
      (options.maxTokens, options.evidenceSamples) = (24, 2)
      change(&options)
      return options
    }

    func saved(_ out: String) throws -> SavedModel { try SavedModel(run: RunFolder(folder.path(out))) }
  }

  @Test func aRunKeepsItsVocabulary() throws {
    let table = try Table()
    var notes: [String] = []
    let result = try FineTuner(table.options("run")).run { if case .note(let note) = $0 { notes.append(note) } }
    #expect(result.n == 36 && notes.contains { $0.contains("word pieces was made from the training texts") })
    let vocabulary = try Vocabulary(path: table.folder.path("run/vocab.txt"))
    #expect(vocabulary.tokens.contains("software"))
    let embeddings = try SafetensorsFile(path: table.folder.path("run/model.safetensors")).shapes
      .first { $0.name == "bert.embeddings.word_embeddings.weight" }
    #expect(embeddings?.shape == [vocabulary.tokens.count, 128])

    // From the run alone: the same numbers as at its end.
    let saved = try table.saved("run")
    #expect(saved.preprocessing == nil && saved.preparation.tokenizer?.maxTokens == 24)
    let metrics = try saved.evaluate(data: table.path, split: .test, device: .cpu, batchSize: 5).classification
    let test = try #require(result.test)
    #expect(metrics?.accuracy == test.accuracy && abs((metrics?.nll ?? 0) - test.nll) < 1e-5)
    // Its most probable class is the metrics' one, text by text: rows are in the data set's order.
    let texts = try TextInput.read(table.path).suffix(12)
    let predictions = try saved.predict(Array(texts), device: .cpu)
    let labels = (36..<48).map { ["sport", "money", "space"][$0 % 3] }
    let right = zip(predictions, labels).count { $0.class == $1 }
    #expect(abs(Double(right) / 12 - test.accuracy) < 1e-9)
    #expect(predictions[0].source == "\(table.path):38" && predictions[0].logits.count == 3)
    let nll = zip(predictions, labels).reduce(0.0) { sum, pair in
      let logits = pair.0.logits
      let label = saved.classes.firstIndex(of: pair.1) ?? 0
      return sum + log(logits.reduce(0) { $0 + exp($1) }) - logits[label]
    }
    #expect(abs(nll / 12 - test.nll) < 1e-5)
    for prediction in try saved.predict(Array(texts), device: .cpu, top: 3) {
      let names = prediction.top.map { $0.class }
      #expect(names.first == prediction.class && names.sorted() == saved.classes)
      #expect(prediction.top.map(\.probability) == prediction.probabilities.values.sorted(by: >))
      #expect(abs(prediction.top.reduce(0) { $0 + $1.probability } - 1) < 1e-9)
    }
    for top in [0, 4] {
      #expect(throws: TrainingError.self) { try saved.predict(Array(texts), device: .cpu, top: top) }
    }
    // An average over draws: probabilities still, and others than the mean's.
    let (average, mean) = (
      try #require(try saved.predict(Array(texts), device: .cpu, average: 2).first), try #require(predictions.first)
    )
    #expect(abs(average.logits.reduce(0) { $0 + exp($1) } - 1) < 1e-9)
    #expect(abs(average.probability - exp(average.logits.max() ?? .nan)) < 1e-12)
    #expect(average.logits != mean.logits && average.probability != mean.probability)

    // Fine-tuning from its weights finds the vocabulary beside them.
    let weights = table.folder.path("run/model.safetensors")
    let next = try FineTuner(table.options("next", weights: weights) { $0.steps = 2 }).run()
    #expect(next.d == result.d)
    #expect(try Vocabulary(path: table.folder.path("next/vocab.txt")) == vocabulary)
    try FileManager.default.moveItem(
      atPath: table.folder.path("run/vocab.txt"), toPath: table.folder.path("elsewhere.txt"))
    let error = #expect(throws: TrainingError.self) {
      try FineTuner(table.options("third", weights: weights) { $0.steps = 2 }).run()
    }
    #expect(error?.description.contains("--vocab is missing") == true)
    try FineTuner(
      table.options("third", weights: weights) {
        ($0.steps, $0.vocabulary) = (2, table.folder.path("elsewhere.txt"))
      }
    ).run()

    // Another vocabulary would give other numbers to the same words.
    try Vocabulary(vocabulary.tokens.reversed(), name: "v").file
      .write(to: URL(fileURLWithPath: table.folder.path("run/vocab.txt")))
    let mismatch = #expect(throws: TrainingError.self) { try table.saved("run") }
    #expect(mismatch?.description.contains("not the vocabulary that the model was trained with") == true)
  }

  @Test func anInterruptedRunGoesOnAndEndsTheSame() throws {
    let table = try Table()
    try FineTuner(table.options("whole")).run()
    let interruption = Interruption()
    #expect(throws: TrainingError.self) {
      try FineTuner(table.options("parts")).run(interruption: interruption) {
        if case .step(let step) = $0, step.step == 17 { interruption.request() }
      }
    }
    try FineTuner(table.options("parts")).run()
    for file in ["model.safetensors", "metrics.jsonl", "vocab.txt"] {
      let (one, other) = ["whole", "parts"].reduce(into: (Data?.none, Data?.none)) { pair, run in
        pair = (pair.1, FileManager.default.contents(atPath: table.folder.path("\(run)/\(file)")))
      }
      #expect(one != nil && one == other, "\(file)")
    }
    // A run on other texts is not that run.
    var rows = try String(contentsOfFile: table.path, encoding: .utf8)
    rows.replace("software", with: "hardware")
    try rows.write(toFile: table.path, atomically: true, encoding: .utf8)
    let error = #expect(throws: TrainingError.self) { try FineTuner(table.options("parts")).run() }
    #expect(error?.description.contains("vocabulary: checksum") == true)
  }

  /// With a frozen backbone the head sees features that were computed once; they are those of each text.
  @Test func linearProbing() throws {
    let table = try Table()
    try FineTuner(table.options("source")).run()
    let weights = table.folder.path("source/model.safetensors")
    var notes: [String] = []
    func run(_ out: String, memory: Int?) throws -> FineTuneResult {
      try FineTuner(
        table.options(out, weights: weights) { ($0.train, $0.featureMemory) = (.head, memory) }
      ).run { if case .note(let note) = $0 { notes.append(note) } }
    }
    let cached = try run("cached", memory: nil)
    #expect(!notes.contains { $0.contains("computed anew") })
    let anew = try run("anew", memory: 0)
    #expect(notes.contains { $0.contains("computed anew") })
    #expect(cached.d == 3 * 129 && anew.d == cached.d)
    // The order of texts differs, as only batches of texts are made by their lengths.
    #expect(abs(cached.loss - anew.loss) < 0.2)
    let saved = try table.saved("cached")
    let metrics = try saved.evaluate(data: table.path, split: .test, device: .cpu).classification
    #expect(abs((metrics?.nll ?? 0) - (cached.test?.nll ?? 1)) < 1e-5)
    try FineTuner(
      table.options("layer", weights: weights) { ($0.train, $0.steps) = (.from("bert.encoder.layer.1"), 3) }
    ).run { if case .note(let note) = $0 { notes.append(note) } }
    #expect(notes.last { $0.contains("computed anew") }?.contains("longest text") == true)
  }

  @Test func whatDoesNotGoTogether() throws {
    let table = try Table()
    func message(_ options: FineTuneOptions) throws -> String {
      try #require(throws: TrainingError.self) { try FineTuner(options).run() }.description
    }
    #expect(try message(table.options("run") { $0.size = 32 }).contains("bert-tiny reads texts"))
    #expect(try message(table.options("run") { $0.maxTokens = 513 }).contains("--max-tokens 513: expected 3"))
    var images = table.options("run") { $0.maxTokens = nil }
    // More than there are texts: what is wrong first is the kind of data.
    (images.model, images.batchSize) = ("resnet8", 100_000)
    #expect(try message(images).contains("reads images, but \(table.path) holds texts"))
    images.vocabulary = "vocab.txt"
    #expect(try message(images).contains("--vocab and --max-tokens belong to networks of texts"))
    let digits = try TableRun()
    var texts = table.options("run")
    texts.data = digits.table
    #expect(try message(texts).contains("reads texts, but \(digits.table) holds images"))
    #expect(!FileManager.default.fileExists(atPath: table.folder.path("run")))
    let published = FineTuneOptions(data: table.path, model: "bert", weights: nil, out: "run")
    #expect(published.steps == 12_000 && images.steps == 40)
  }
}

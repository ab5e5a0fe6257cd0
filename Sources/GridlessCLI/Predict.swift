import ArgumentParser
import Gridless

/// `gridless predict`.
struct Predict: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Name the class of images or texts, with its probability, or their number.")

  @Argument(help: ArgumentHelp("The run folder.", valueName: "run"))
  var folder: String

  @Argument(help: "Image files: JPEG, PNG or WebP. For texts CSV or TSV files with a column text, or of AG News' rows.")
  var files: [String] = []

  @Option(parsing: .unconditionalSingleValue, help: "A text, for a run of texts; may be given several times.")
  var text: [String] = []

  @Option(
    parsing: .unconditional,
    help: "Average the predictions over so many draws of the posterior (default: predict at its mean).")
  var average: Int?

  @OptionGroup var compute: ComputeOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if files.isEmpty, text.isEmpty { throw ValidationError("nothing to predict: name image files, or pass --text.") }
    if let average, average < 1 { throw ValidationError("--average \(average): expected at least 1.") }
  }

  func run() throws {
    let device = try compute.start()
    let model = try SavedModel(run: RunFolder(folder))
    if model.preparation.tokenizer != nil {
      return try predictTexts(text.map { TextInput($0) } + files.flatMap { try TextInput.read($0) }, model, device)
    }
    guard text.isEmpty else {
      throw ValidationError("--text: the model of \(folder) reads images. Name image files instead.")
    }
    guard model.likelihood == .categorical else {
      return try write(model.predictValues(files, device: device, average: average)) { number in
        [number.image, described(number.value, number.noise)]
      }
    }
    try write(model.predict(files, device: device, average: average)) { prediction in
      [prediction.image, prediction.class, fixed(prediction.probability, digits: 4)]
    }
  }

  private func predictTexts(_ texts: [TextInput], _ model: SavedModel, _ device: Device) throws {
    func shown(_ text: String, _ source: String?) -> String {
      source ?? (text.count > 60 ? text.prefix(59) + "…" : text)
    }
    guard model.likelihood == .categorical else {
      return try write(model.predictValues(texts, device: device, average: average)) { number in
        [shown(number.text, number.source), described(number.value, number.noise)]
      }
    }
    try write(model.predict(texts, device: device, average: average)) { prediction in
      [shown(prediction.text, prediction.source), prediction.class, fixed(prediction.probability, digits: 4)]
    }
  }

  /// A value with the standard deviation of the noise around it.
  private func described(_ value: Double, _ noise: Double) -> String {
    "\(significant(value)) ± \(significant(noise))"
  }

  private func write<Item: Encodable>(_ items: [Item], _ columns: (Item) -> [String]) throws {
    if output.json {
      for item in items { print(try JSON.line(item)) }
    } else {
      print(table(items.map(columns)))
    }
  }
}

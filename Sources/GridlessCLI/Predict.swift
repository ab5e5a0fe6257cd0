import ArgumentParser
import Foundation
import Gridless

/// `gridless predict`.
struct Predict: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Name the class of images or texts, with its probability, or their number.")

  @Argument(help: ArgumentHelp("The run folder.", valueName: "run"))
  var folder: String

  @Argument(
    help: "Image files (JPEG, PNG, WebP) or folders of them. For texts CSV or TSV: a column text, or AG News' rows.")
  var files: [String] = []

  @Option(parsing: .unconditionalSingleValue, help: "A text, for a run of texts; may be given several times.")
  var text: [String] = []

  @Option(
    parsing: .unconditional,
    help: "Average over this many draws of the posterior (default: predict at its mean).")
  var average: Int?

  @Option(parsing: .unconditional, help: "Show this many classes, the most probable first (default: 1).")
  var top: Int?

  @Flag(help: "Leave out images that cannot be decoded.")
  var skipUnreadable = false

  @OptionGroup var compute: ComputeOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if files.isEmpty, text.isEmpty {
      throw ValidationError("nothing to predict: name image files or folders of them, or pass --text.")
    }
    if let average, average < 1 { throw ValidationError("--average \(average): expected at least 1.") }
    if let top, top < 1 { throw ValidationError("--top \(top): expected at least 1.") }
  }

  func run() throws {
    let device = try compute.start()
    let model = try SavedModel(run: RunFolder(folder))
    if let top { try asUsage { try model.checkTop(top) } }
    if model.preparation.tokenizer != nil {
      return try predictTexts(text.map { TextInput($0) } + files.flatMap { try TextInput.read($0) }, model, device)
    }
    guard text.isEmpty else {
      throw ValidationError("--text: the model of \(folder) reads images. Name image files instead.")
    }
    let images = try files.flatMap { try SavedModel.imageFiles(at: $0) }
    let progress = ProgressPrinter(output)
    defer { progress.finish() }
    let printer = PredictionPrinter(output)
    if model.likelihood == .categorical {
      try model.forEachPrediction(
        images, device: device, average: average, top: top ?? 1, skipUnreadable: skipUnreadable,
        onEvent: { try progress.print($0) }
      ) { try printer.add($0, rows($0.image, $0.top)) }
    } else {
      try model.forEachValuePrediction(
        images, device: device, average: average, skipUnreadable: skipUnreadable, onEvent: { try progress.print($0) }
      ) { try printer.add($0, [[$0.image, described($0.value, $0.noise)]]) }
    }
    progress.finish()
    printer.finish()
  }

  private func predictTexts(_ texts: [TextInput], _ model: SavedModel, _ device: Device) throws {
    func shown(_ text: String, _ source: String?) -> String {
      source ?? (text.count > 60 ? text.prefix(59) + "…" : text)
    }
    let printer = PredictionPrinter(output)
    if model.likelihood == .categorical {
      for found in try model.predict(texts, device: device, average: average, top: top ?? 1) {
        try printer.add(found, rows(shown(found.text, found.source), found.top))
      }
    } else {
      for found in try model.predictValues(texts, device: device, average: average) {
        try printer.add(found, [[shown(found.text, found.source), described(found.value, found.noise)]])
      }
    }
    printer.finish()
  }

  /// A line for each of an input's classes: the input, the class and its probability.
  private func rows(_ input: String, _ top: [ClassProbability]) -> [[String]] {
    top.map { [input, $0.class, fixed($0.probability, digits: 4)] }
  }

  /// A value with the standard deviation of the noise around it.
  private func described(_ value: Double, _ noise: Double) -> String {
    guard noise > 1e-11, noise < 1e15, abs(value) < 1e15 else { return "\(significant(value)) ± \(significant(noise))" }
    // Two digits of the noise: more of the value means nothing.
    let digits = max(0, 1 - Int(log10(noise).rounded(.down)))
    return "\(fixed(value, digits: digits)) ± \(fixed(noise, digits: digits))"
  }
}

/// Prints a JSON object for each prediction at once, or at the end a table of the rows of all.
private final class PredictionPrinter {
  private let isJSON: Bool
  private var rows: [[String]] = []

  init(_ options: OutputOptions) { isJSON = options.json }

  func add(_ item: some Encodable, _ rows: [[String]]) throws {
    guard isJSON else { return self.rows += rows }
    print(try JSON.line(item))
    // A pipe gets it now.
    fflush(nil)
  }

  func finish() {
    if !isJSON { print(table(rows)) }
  }
}

import ArgumentParser
import Gridless

/// `gridless predict`.
struct Predict: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Name the class of images, with its probability, or the number that they show.")

  @Argument(help: ArgumentHelp("The run folder.", valueName: "run"))
  var folder: String

  @Argument(help: "Image files: JPEG, PNG or WebP.")
  var images: [String]

  @Option(
    parsing: .unconditional,
    help: "Average the predictions over so many draws of the posterior (default: predict at its mean).")
  var average: Int?

  @OptionGroup var compute: ComputeOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if let average, average < 1 { throw ValidationError("--average \(average): expected at least 1.") }
  }

  func run() throws {
    let device = try compute.start()
    let model = try SavedModel(run: RunFolder(folder))
    guard model.likelihood == .categorical else {
      return try printValues(model.predictValues(images, device: device, average: average))
    }
    let predictions = try model.predict(images, device: device, average: average)
    if output.json {
      for prediction in predictions { print(try JSON.line(prediction)) }
    } else {
      print(table(predictions.map { [$0.image, $0.class, fixed($0.probability, digits: 4)] }))
    }
  }

  /// Each value with the standard deviation of the noise around it.
  private func printValues(_ predictions: [ValuePrediction]) throws {
    if output.json {
      for prediction in predictions { print(try JSON.line(prediction)) }
    } else {
      print(table(predictions.map { [$0.image, "\(significant($0.value)) ± \(significant($0.noise))"] }))
    }
  }
}

import ArgumentParser
import Gridless

/// `gridless predict`.
struct Predict: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Name the class of images, with its probability at the posterior mean, or the number that they show.")

  @Argument(help: ArgumentHelp("The run folder.", valueName: "run"))
  var folder: String

  @Argument(help: "Image files: JPEG, PNG or WebP.")
  var images: [String]

  @OptionGroup var compute: ComputeOptions
  @OptionGroup var output: OutputOptions

  func run() throws {
    let device = try compute.start()
    let model = try SavedModel(run: RunFolder(folder))
    guard model.likelihood == .categorical else { return try printValues(model.predictValues(images, device: device)) }
    let predictions = try model.predict(images, device: device)
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

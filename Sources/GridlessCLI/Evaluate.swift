import ArgumentParser
import Gridless

/// `gridless evaluate`.
struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measure a fine-tuned network on a split of a data set.")

  @Argument(help: ArgumentHelp("The run folder.", valueName: "run"))
  var folder: String

  @Option(help: "The data, in any form that finetune takes.")
  var data: String

  @Option(help: "The split to measure.")
  var split = Split.test

  @Option(
    parsing: .unconditional,
    help: "Average over this many draws of the posterior (default: predict at its mean).")
  var average: Int?

  @Flag(help: "Leave out images that cannot be decoded.")
  var skipUnreadable = false

  @Flag(help: "Print the reliability curve and the accuracy of each class, too, if classes are predicted.")
  var details = false

  @OptionGroup var compute: ComputeOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if let average, average < 1 { throw ValidationError("--average \(average): expected at least 1.") }
  }

  func run() throws {
    let device = try compute.start()
    let progress = ProgressPrinter(output)
    defer { progress.finish() }
    let metrics = try asUsage(choosesSplit: true) {
      try SavedModel(run: RunFolder(folder)).evaluate(
        data: data, split: split, device: device, average: average, skipUnreadable: skipUnreadable
      ) { try progress.print($0) }
    }
    progress.finish()
    if output.json {
      print(
        try JSON.line(
          Evaluation(
            run: folder, split: split.rawValue, test: metrics.classification, testRegression: metrics.regression)))
      return
    }
    switch metrics {
    case .classification(let metrics):
      print(table([[split.rawValue, describe(metrics)]]))
      if details { print("\n" + GridlessCLI.details(metrics)) }
    case .regression(let metrics): print(table([[split.rawValue, describe(metrics)]]))
    }
  }

  private struct Evaluation: Encodable {
    var event = "evaluation"
    var run: String
    var split: String
    var test: ClassificationMetrics?
    var testRegression: RegressionMetrics?
  }
}

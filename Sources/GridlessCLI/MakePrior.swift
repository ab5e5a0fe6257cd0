import ArgumentParser
import Gridless

/// `gridless prior`.
struct MakePrior: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prior",
    abstract: "Make a prior for fine-tuning from your own pretraining, or from published files.",
    usage: "gridless prior <data> --model <model> --out <prior> [<options>]",
    discussion: """
      Runs SWAG on a source data set: SGD with a constant learning rate from pretrained weights, whose iterates give a \
      mean, variances and the columns of a covariance ("Pre-Train Your Loss", Shwartz-Ziv et al., 2022).

      With --import-mean, --import-variance and --import-covariance instead of data, it maps the three PyTorch files in \
      which such priors are published to the network's parameters by name; tensors without names take their order from \
      the state dict that is given as --weights.
      """)

  @Argument(help: "The source data, in any form that finetune takes.")
  var data: String?

  @Option(help: "The network; `gridless models` lists them.")
  var model: String

  @Option(
    help: ArgumentHelp(
      "Its pretrained weights, in any form that finetune takes but none (default: the official checkpoint, which is "
        + "fetched if it is not there).", valueName: "file"))
  var weights: String?

  @Option(help: ArgumentHelp("The prior's file to write.", valueName: "prior"))
  var out: String

  @Option(
    parsing: .unconditional, help: "Columns of the covariance to keep (default: 5, or all that are imported).")
  var columns: Int?

  @Option(parsing: .unconditional, help: "Passes over the data (default: 30).")
  var epochs: Int?

  @Option(parsing: .unconditional, help: "Optimisation steps, instead of --epochs.")
  var steps: Int?

  @Option(
    parsing: .unconditional, help: "Passes before the first weights are collected, for a fresh head (default: 0).")
  var burnIn: Int?

  @Option(parsing: .unconditional, help: "Steps between two collections of the weights (default: one pass).")
  var collectEvery: Int?

  @Option(parsing: .unconditional, help: "The learning rate, constant (default: 0.01).")
  var lr: Double?

  @Option(parsing: .unconditional, help: "L2 regularisation of all parameters (default: 0.0001).")
  var weightDecay: Double?

  @Option(help: ArgumentHelp("A published mean: a state dict or a tensor [D].", valueName: "file"))
  var importMean: String?

  @Option(help: ArgumentHelp("A published variance: a state dict or a tensor [D].", valueName: "file"))
  var importVariance: String?

  @Option(
    help: ArgumentHelp("Published columns: a dict by parameters, or a tensor [K, D] or [D, K].", valueName: "file"))
  var importCovariance: String?

  @Flag(help: "Replace the prior's file if it is there.")
  var overwrite = false

  @OptionGroup var images: DataOptions
  @OptionGroup var random: SeedOption
  @OptionGroup var compute: ComputeOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    _ = try asUsage { try Backbone.named(model) }
    if out.isEmpty { throw ValidationError("--out is empty: name the prior's file to write.") }
    if let columns, columns < 2 {
      throw ValidationError("--columns \(columns): expected at least 2 (the covariance divides by K − 1).")
    }
    if weights == "none" {
      throw ValidationError("--weights none: a prior is made from pretrained weights. Name a checkpoint.")
    }
    let imports = [importMean, importVariance, importCovariance].compactMap { $0 }
    if imports.isEmpty {
      guard data != nil else {
        throw ValidationError("the source data is missing: name its folder or file, or import three published files.")
      }
      try asUsage { try options().validate() }
    } else {
      guard imports.count == 3 else {
        throw ValidationError(
          "--import-mean, --import-variance and --import-covariance belong together, \(imports.count) of 3 are given.")
      }
      if let data {
        throw ValidationError("'\(data)': an import needs no data. Leave it out, or the --import options.")
      }
      guard trainingOptions.isEmpty else {
        throw ValidationError(
          "\(trainingOptions.joined(separator: ", ")) with --import-mean: an import does not train. Leave it out, or the "
            + "--import options.")
      }
    }
  }

  /// The options that were given and that only training has a use for.
  private var trainingOptions: [String] {
    let given: [(String, Bool)] = [
      ("--epochs", epochs != nil), ("--steps", steps != nil), ("--burn-in", burnIn != nil),
      ("--collect-every", collectEvery != nil), ("--lr", lr != nil), ("--weight-decay", weightDecay != nil),
      ("--size", images.size != nil), ("--resize", images.resize != .square),
      ("--augment", images.augment != .cropAndFlip), ("--batch-size", images.batchSize != nil),
      ("--n", images.n != nil), ("--train-splits", images.trainSplits != "train"),
      ("--classes", images.classes != nil), ("--skip-unreadable", images.skipUnreadable), ("--seed", random.seed != 0),
    ]
    return given.filter(\.1).map(\.0)
  }

  func run() throws {
    let progress = ProgressPrinter(output)
    defer { progress.finish() }
    let result: PriorResult
    if let importMean, let importVariance, let importCovariance {
      var source = PriorImport(
        mean: importMean, variance: importVariance, covariance: importCovariance, model: model, out: out)
      (source.weights, source.columns, source.overwrite) = (weights, columns, overwrite)
      result = try source.run { try progress.print($0) }
    } else {
      try chosenWeights().fetch(for: data ?? "", showing: progress)
      result = try asUsage { try PriorTrainer(options()).run { try progress.print($0) } }
    }
    progress.finish()
    print(output.json ? try JSON.line(result) : summary(of: result))
  }

  private func chosenWeights() throws -> ChosenWeights { try ChosenWeights(weights, of: Backbone.named(model)) }

  private func options() throws -> PriorOptions {
    var options = PriorOptions(data: data ?? "", model: model, weights: try chosenWeights().path ?? "none", out: out)
    options.columns = columns ?? options.columns
    options.epochs = epochs ?? options.epochs
    options.steps = steps
    options.burnIn = burnIn ?? options.burnIn
    options.collectEvery = collectEvery
    options.learningRate = lr ?? options.learningRate
    options.weightDecay = weightDecay ?? options.weightDecay
    options.batchSize = images.batchSize
    options.size = images.size
    options.resize = images.resize
    options.augmentation = images.augment
    options.n = images.n
    options.trainSplits = try Split.list(images.trainSplits)
    options.classes = try images.classList
    options.seed = random.seed
    options.device = compute.device
    options.threads = compute.threads
    options.skipUnreadable = images.skipUnreadable
    options.overwrite = overwrite
    return options
  }

  private func summary(of result: PriorResult) -> String {
    var rows = [
      ["model", "\(result.model), D = \(result.d) parameters without the head"],
      ["covariance", "\(result.columns) columns, root mean variance \(scientific(result.rmsDeviation))"],
    ]
    if let training = result.training {
      rows.append([
        "source",
        "N = \(training.n), \(training.classes) classes; \(training.collected) of \(training.steps) steps collected",
      ])
      rows.append(["at the mean", "accuracy \(fixed(training.accuracy))   NLL \(fixed(training.nll)) on the source"])
    }
    rows.append(["time", duration(result.seconds)])
    rows.append(["prior", result.prior])
    return table(rows)
  }
}

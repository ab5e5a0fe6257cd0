import ArgumentParser
import Foundation
import Gridless

/// `gridless finetune`.
struct Finetune: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Fine-tune a pretrained network, and learn its regularization strengths on the training set.",
    usage: "gridless finetune <data> --model <model> --out <run> [<options>]",
    discussion: """
      DATA is a folder train/<class>/<image> (val and test beside train are optional), a flat folder <class>/<image>, a \
      CSV or TSV with path,label (or path,value: a number per image), the UCI digits' CSV, or CIFAR-10 (binary), \
      Oxford's 102 flowers or Oxford-IIIT Pet as they are published. \
      For networks of texts it is a CSV or TSV with text,label (or text,value), rows of a class number and texts as AG News \
      has them, or a folder with such a train.csv and test.csv. The run folder gets config.json, \
      metrics.jsonl, an event file for TensorBoard, model.safetensors (which the PyTorch model of that name loads) and \
      summary.json. If a run is \
      interrupted, the same command goes on with it.
      """)

  @Argument(help: "The training data.")
  var data: String

  @Option(help: "The network; `gridless models` lists them.")
  var model: String

  @Option(
    help: ArgumentHelp(
      "Its pretrained weights: safetensors, a state dict of torch.save, an index of shards or a folder; or a checkpoint's "
        + "name in `gridless fetch --list`; or none to train from scratch (default: the official checkpoint). What has a "
        + "name there is fetched if it is not there.", valueName: "file"))
  var weights: String?

  @Option(help: ArgumentHelp("The run folder to make, or to go on with.", valueName: "run"))
  var out: String

  @Option(
    help: ArgumentHelp(
      "What is trained: all, the head alone (linear probing), or from:<layer>, which freezes what stands before a "
        + "layer, such as from:layer4.",
      valueName: "part"))
  var train = TrainedPart.all

  @Option(
    parsing: .unconditional,
    help: "Optimisation steps of a whole run at one learning rate (default: 6000, of texts 12000).")
  var steps: Int?

  @Option(
    help: "In which precision the network computes: auto is bf16 where that is faster.")
  var precision = PrecisionChoice.auto

  @Option(
    help: ArgumentHelp(
      "Save after so many steps (50), minutes (10m) or seconds (30s); the same command goes on from there.",
      valueName: "interval"))
  var checkpointEvery = CheckpointInterval.seconds(600)

  @Flag(help: "Move a run that is in the folder aside, and begin anew.")
  var overwrite = false

  @Flag(help: "Write report.html at the end, too; the test images are predicted once more for it.")
  var report = false

  @Flag(help: "Make equal runs equal bit for bit on a GPU, too; slower.")
  var deterministic = false

  @OptionGroup(title: "Method") var method: MethodOptions
  @OptionGroup var images: DataOptions
  @OptionGroup var random: SeedOption
  @OptionGroup(title: "Texts") var texts: TextOptions
  @OptionGroup var compute: ComputeOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    let backbone = try asUsage { try Backbone.named(model) }
    if out.isEmpty { throw ValidationError("--out is empty: name the run folder to make.") }
    try asUsage {
      _ = try backbone.makeNetwork(classes: 1, training: train)
      try options().validate()
    }
  }

  /// What was asked for, in the library's words.
  private func options() throws -> FineTuneOptions {
    var options = FineTuneOptions(data: data, model: model, weights: try chosenWeights().path, out: out)
    options.size = images.size
    options.resize = images.resize
    options.train = train
    options.augmentation = images.augment
    if let steps { options.steps = steps }
    options.batchSize = images.batchSize
    options.trainSplits = try Split.list(images.trainSplits)
    options.classes = try images.classList
    options.n = images.n
    method.apply(to: &options)
    texts.apply(to: &options)
    options.seed = random.seed
    options.device = compute.device
    options.threads = compute.threads
    options.precision = precision
    options.skipUnreadable = images.skipUnreadable
    options.deterministic = deterministic
    options.checkpointEvery = checkpointEvery
    options.overwrite = overwrite
    return options
  }

  private func chosenWeights() throws -> ChosenWeights { try ChosenWeights(weights, of: Backbone.named(model)) }

  func run() throws {
    let signals = Signals { [out, output] signal in
      if output.json { InterruptedLine(run: out, signal: signal).print() }
    }
    let progress = ProgressPrinter(output)
    var wasFinished = false
    do {
      try chosenWeights().fetch(for: data, showing: progress)
      let result = try asUsage {
        try FineTuner(options()).run(interruption: signals.interruption) { event in
          if case .alreadyFinished = event { wasFinished = true }
          try progress.print(event)
        }
      }
      if report { try writeReport { try progress.print($0) } }
      progress.finish()
      if output.json {
        print(try JSON.line(result))
      } else if wasFinished {
        print("\(out): finished already, with these arguments; --overwrite would make it anew")
      } else {
        print(summary(of: result))
      }
    } catch TrainingError.interrupted(let run, let place) {
      progress.finish()
      if output.json {
        InterruptedLine(run: run, progress: place, signal: signals.caught).print()
      }
      try? FileHandle.standardError.write(
        contentsOf: Data("interrupted at \(place); to go on: \(Self.sameCommand)\n".utf8))
      throw ExitCode(128 + signals.caught)
    } catch {
      progress.finish()
      throw error
    }
  }

  private func writeReport(_ onEvent: (FineTuneEvent) throws -> Void) throws {
    var report = Report(out)
    (report.data, report.device, report.threads) = (data, compute.device, compute.threads)
    try onEvent(.note("the report is \(report.write(onEvent: onEvent))"))
  }

  /// The command as it was given, for a shell; without `--overwrite`, which would not go on.
  static var sameCommand: String {
    ShellCommand.text(CommandLine.arguments.filter { $0 != "--overwrite" })
  }

  private func summary(of result: FineTuneResult) -> String {
    let isPoint = !method.objective.hasPosterior || method.prior == .none
    let noise = result.noise.map { "   noise \(significant($0))" } ?? ""
    let learned =
      if method.prior == .none {
        ["learned", "by maximum likelihood" + noise]
      } else if isPoint {
        [
          method.objective == .map ? "penalty" : "learned",
          "α \(scientific(result.alpha))   β \(scientific(result.beta))" + noise,
        ]
      } else {
        [
          "learned",
          "λ \(scientific(result.lambda))   τ \(scientific(result.tau))   σ \(scientific(result.sigma))" + noise,
        ]
      }
    var rows = [
      ["model", "\(result.model), D = \(result.d) parameters"],
      ["training set", "N = \(result.n)" + (isPoint ? "" : ", κ = \(scientific(result.kappa))")],
      learned,
      [
        "loss",
        "\(fixed(result.loss)) = −log likelihood/N \(fixed(-result.logLikelihood / Double(result.n))) + \(isPoint ? "penalty" : "KL/(κN)") "
          + fixed(result.kl / (result.kappa * Double(result.n))),
      ],
      ["learning rate", candidates(result)],
    ]
    if let evidence = result.logMarginalLikelihood { rows.append(["evidence", "log p(D) \(fixed(evidence))"]) }
    if let held = result.validation { rows.append(["held out", describe(held)]) }
    if let held = result.validationRegression { rows.append(["held out", describe(held)]) }
    if let test = result.test { rows.append(["test", describe(test)]) }
    if let test = result.testRegression { rows.append(["test", describe(test)]) }
    rows.append(["time", duration(result.seconds)])
    rows.append(["run folder", result.run])
    return table(rows)
  }

  private func candidates(_ result: FineTuneResult) -> String {
    guard result.lrCandidates.count > 1 else { return "\(result.lr)" }
    let tried = result.lrCandidates.map { candidate in
      let loss = score(candidate).map { fixed($0) } ?? "diverged"
      return "\(candidate.lr): \(loss)" + (candidate.droppedAt.map { " at rung \($0)" } ?? "")
    }
    let how = result.rungs == nil ? "chosen" : "raced"
    let measure =
      switch method.objective {
      case .deELBO: "the training objective's loss"
      case .map: "the held-out examples' NLL"
      case .laplace: "log p(D)"
      }
    return "\(result.lr), \(how) by \(measure) (\(tried.joined(separator: ", ")))"
  }

  /// What learning rates are chosen by.
  private func score(_ candidate: LearningRateCandidate) -> Double? {
    candidate.logMarginalLikelihood ?? candidate.validationLoss ?? candidate.loss
  }
}

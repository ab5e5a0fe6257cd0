import ArgumentParser
import Gridless

/// What a study's runs have in common.
struct StudyOptions: ParsableArguments {
  @Argument(help: "The data, in any form that finetune takes.")
  var data: String

  @Option(help: "The network; `gridless models` lists them.")
  var model: String

  @Option(
    help: ArgumentHelp(
      "A checkpoint of that network, in any form that finetune takes, or none to train from scratch (default: the "
        + "official one, which is fetched if it is not there).", valueName: "file"))
  var weights: String?

  @Option(help: ArgumentHelp("The study's folder to make, or to go on with.", valueName: "study"))
  var out: String

  @Option(help: "The seeds, separated by commas; every method is run under each.")
  var seeds = "0"

  @Option(
    parsing: .unconditional,
    help: "Optimisation steps of a whole run, the same for every method (default: 6000, of texts 12000).")
  var steps: Int?

  @Option(help: "The prior on the backbone, of every method.")
  var prior = PriorKind.l2SP

  @Option(help: ArgumentHelp("What --prior ptyl reads; gridless prior makes it.", valueName: "file"))
  var priorFile: String?

  @Option(help: "What every run does but for what its method asks: the best known here, or as published.")
  var recipe = Recipe.default

  @Option(
    parsing: .unconditional,
    help:
      "How many rates of each race are trained to the end, in the methods that race (de-elbo, elbo, linear-probe)."
  )
  var finalists = 1

  @Option(help: "How a new head starts, in every method (default: zero; uniform with --recipe published).")
  var headInit: HeadInitialization?

  @Option(
    parsing: .unconditional, help: "σ before the first step; networks of under a million parameters want about 1e-3.")
  var initialSigma = FineTuneConfiguration.publishedInitialSigma

  @Option(help: "Where to compute; auto takes the GPU if there is one.")
  var device = DeviceChoice.auto

  @Option(help: "Threads of each process (default: the cores, shared among --parallel).")
  var threads: Int?

  @Option(
    help: "In which precision the network computes: auto is bf16 where that is faster.")
  var precision = PrecisionChoice.auto

  @Option(
    help: ArgumentHelp(
      "Save a run after so many steps (50), minutes (10m) or seconds (30s); the same command goes on from there.",
      valueName: "interval"))
  var checkpointEvery = CheckpointInterval.seconds(600)

  @OptionGroup(title: "Texts") var texts: TextOptions
  @OptionGroup var images: DataOptions

  func validate() throws {
    if let threads { try checkThreads(threads) }
  }

  /// Refuses what is missing or unknown, with what to do.
  func validateNames() throws {
    _ = try asUsage { try chosenWeights() }
    if out.isEmpty { throw ValidationError("--out is empty: name the study's folder to make.") }
  }

  func chosenWeights() throws -> ChosenWeights { try ChosenWeights(weights, of: Backbone.named(model)) }

  /// What was asked for, in the library's words.
  func configuration(grid: HyperparameterGrid?, methods: [StudyMethod]) throws -> StudyConfiguration {
    var configuration = StudyConfiguration(
      data: data, model: model, weights: try chosenWeights().path, methods: methods, prior: prior)
    if let grid { configuration.grid = grid }
    configuration.seeds = try seeds.split(separator: ",").map { text in
      guard let seed = UInt64(text) else {
        throw StudyError.invalidOption("--seeds \(text): expected whole numbers, separated by commas.")
      }
      return seed
    }
    configuration.vocabulary = texts.vocab
    configuration.maxTokens = texts.maxTokens
    configuration.size = images.size
    configuration.resize = images.resize
    configuration.augmentation = images.augment
    if let steps { configuration.steps = steps }
    configuration.batchSize = images.batchSize
    configuration.trainSplits = images.trainSplits.split(separator: ",").map(String.init)
    configuration.classes = try images.classList
    configuration.n = images.n
    configuration.priorFile = priorFile
    configuration.recipe = recipe
    configuration.headInitialization = headInit
    configuration.finalists = finalists == 1 ? nil : finalists
    configuration.initialSigma = initialSigma
    configuration.threads = threads
    configuration.device = device
    configuration.precision = precision
    configuration.skipUnreadable = images.skipUnreadable
    configuration.checkpointEvery = checkpointEvery.description
    return configuration
  }
}

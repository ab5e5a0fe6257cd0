import Backbones
import Baselines
import Datasets
import Foundation
import Training

/// What a study compares, on what: the content of its `study.json`.
public struct StudyConfiguration: Codable, Sendable, Equatable {
  /// The data folder or file.
  public var data: String
  /// The backbone's name.
  public var model: String
  /// A checkpoint in any form that `PretrainedWeights` reads; nil trains from scratch.
  public var weights: String?
  /// The word pieces of a network of texts; nil for those beside the weights, or made from the training texts.
  public var vocabulary: String?
  /// The most tokens of a text; nil for as many as the network has positions for.
  public var maxTokens: Int?
  /// The side of the crop in pixels; nil for the backbone's own.
  public var size: Int?
  /// What resizing does with images that are not square.
  public var resize = Preprocessing.Resize.square
  /// What is done to training images.
  public var augmentation = Augmentation.Kind.cropAndFlip
  /// Optimisation steps of a whole run, the same for every method; by default the published number for images or for
  /// texts.
  public var steps: Int
  /// Examples per step; nil for min(128, N), of texts min(32, N).
  public var batchSize: Int?
  /// The splits to train on.
  public var trainSplits = ["train"]
  /// The classes to keep; nil for all.
  public var classes: [String]?
  /// The number of training examples to draw for each seed; nil for all.
  public var n: Int?
  /// The seeds: every method is run under each.
  public var seeds: [UInt64] = [0]
  /// The methods, in the order in which they are run.
  public var methods: [StudyMethod]
  /// The prior on the backbone.
  public var prior = PriorKind.l2SP
  /// The prior file of a low-rank prior.
  public var priorFile: String?
  /// What every run does but for what its method asks.
  public var recipe = Recipe.default
  /// How a new head starts, the same for every method; nil for what the recipe says, or else zero, which
  /// ``resolve(kappaWords:)`` fills in.
  public var headInitialization: HeadInitialization?
  /// How many of each race for a learning rate are trained to the end, in the methods that race; nil for one.
  public var finalists: Int?
  /// σ before the first step.
  public var initialSigma = FineTuneConfiguration.publishedInitialSigma
  /// The grid of `map-grid` and `la-clml`.
  public var grid: HyperparameterGrid
  /// How many of the grid's points are drawn, for each seed; nil for all.
  public var configs: Int?
  /// What each search may spend for each seed; nil for the published least of Bayesian optimisation, 12 runs, and the
  /// whole grid.
  public var budget: StudyBudget?
  /// The κ of the sweep, ascending; empty without one.
  public var kappas: [Double] = []
  /// Whether the two runs of the figure `selection` are made.
  public var showsSelection = false
  /// The part that searches hold out: one fifth, as published.
  public var holdOut = 0.2
  /// Threads of each process; nil for one per core.
  public var threads: Int?
  /// Where to compute.
  public var device = DeviceChoice.auto
  /// In which precision the network computes.
  public var precision = PrecisionChoice.auto
  /// Whether images that cannot be decoded are left out.
  public var skipUnreadable = false
  /// How often a run's checkpoint is written, as `CheckpointInterval` reads it.
  public var checkpointEvery = CheckpointInterval.seconds(600).description
  /// N, the training examples of each seed, as they are listed.
  public private(set) var examples = 0
  /// D, the parameters of the whole network.
  public private(set) var parameters = 0

  /// A comparison with the published grid of the prior.
  public init(data: String, model: String, weights: String?, methods: [StudyMethod], prior: PriorKind = .l2SP) {
    (self.data, self.model, self.weights, self.methods, self.prior) = (data, model, weights, methods, prior)
    steps = FineTuneConfiguration.publishedSteps(model: model)
    grid =
      switch prior {
      case .l2Zero: .l2Zero
      case .ptyl: .ptyl
      case .l2SP, .none: .l2SP
      }
  }

  /// The space of Bayesian optimisation and ASHA.
  public var space: SearchSpace {
    switch prior {
    case .l2Zero: .l2Zero
    case .ptyl: .ptyl
    case .l2SP, .none: .l2SP
    }
  }

  /// What is run for each seed, in order: the methods, and what the figures need.
  package var works: [StudyMethod] {
    methods + (kappas.isEmpty ? [] : [.kappa]) + (showsSelection ? [.selection] : [])
  }

  /// D/N, without a limit.
  public var emphasis: Double { Double(parameters) / Double(max(examples, 1)) }

  /// Looks at the data's listing and the network: fills N, D and the head's start, and makes `kappaWords` (`1`, `N`,
  /// `D/N`, `D` or a number), where there are some, the sweep's values.
  ///
  /// Throws ``StudyError/invalidOption(_:)``, and the errors of Datasets and Backbones.
  public mutating func resolve(kappaWords: [String] = []) throws {
    headInitialization = headInitialization ?? recipe.headInitialization ?? .zero
    let dataset = try Dataset.open(data, options: try options(out: "").datasetOptions)
    guard case .classes = dataset.targets else {
      throw StudyError.invalidOption("\(data): has a number for each image; compare expects classes.")
    }
    guard dataset.splits[.test] != nil else {
      throw StudyError.invalidOption(
        "\(data): has no test split, on which the methods are compared. Add one: a folder or table test, or a column split."
      )
    }
    let backbone = try Backbone.named(model)
    guard dataset.holdsTexts == (backbone.modality == .texts) else {
      let found = dataset.holdsTexts ? "texts" : "images"
      throw StudyError.invalidOption(
        "--model \(model): reads \(backbone.modality.rawValue), but \(data) holds \(found). Pass a --model of \(found)."
      )
    }
    try options(out: "").validateModality(of: backbone)
    examples = dataset.splits[.train]?.count ?? 0
    try checkSearches(classes: dataset.classes.count)
    // Read now, so that no study begins that cannot go on.
    let file = try weights.map { try PretrainedWeights(path: $0, of: backbone) }
    let tokens =
      try file.flatMap { backbone.vocabularySize(of: $0.tensors) }
      ?? vocabulary.map { try Vocabulary(path: $0).tokens.count }
    parameters = backbone.makeNetwork(classes: dataset.classes.count, size: size, vocabulary: tokens).layout.count
    if backbone.modality == .texts, tokens == nil, let word = kappaWords.first(where: { ["D", "D/N"].contains($0) }) {
      throw StudyError.invalidOption(
        "--kappas \(word): with a vocabulary that each run makes from its texts, D is not known before. Pass --vocab, or a number."
      )
    }
    let (n, d) = (Double(examples), Double(parameters))
    let words = ["1": 1, "N": n, "D/N": d / n, "D": d]
    guard !kappaWords.isEmpty else { return }
    kappas = try Set(
      kappaWords.map { word in
        guard let value = words[word] ?? Double(word), value > 0, value.isFinite else {
          throw StudyError.invalidOption("--kappas \(word): expected positive numbers, or 1, N, D/N, D.")
        }
        return value
      }
    ).sorted()
  }

  /// Pins what runs depend on and the machine would choose, where it is left open: as the study that is there has it,
  /// or else as this machine would, for so many processes.
  ///
  /// So all of a study's trials are made alike, whichever machine goes on with it. Throws `TrainingError.noGPU`.
  package mutating func pinMachine(as there: StudyConfiguration?, processes: Int) throws {
    threads = threads ?? there?.threads ?? max(1, ProcessInfo.processInfo.activeProcessorCount / processes)
    if device == .auto { device = try there?.device ?? DeviceChoice.auto.concrete() }
    if precision == .auto { precision = try there?.precision ?? PrecisionChoice.auto.concrete(on: device) }
  }

  /// Refuses a search that has too few examples where one part is held out.
  private func checkSearches(classes: Int) throws {
    let searches = methods.filter(\.isSearch).map(\.rawValue)
    let kept = trainedExamples(in: .search)
    guard !searches.isEmpty, kept == examples || kept < max(2, classes, batchSize ?? 1) else { return }
    let batch = batchSize.map { " or a batch of \($0)" } ?? ""
    throw StudyError.invalidOption(
      "--methods \(searches.joined(separator: ",")): of the \(examples) training examples a search trains on \(kept) and is "
        + "judged by the others, too few for \(classes) classes\(batch). Leave these methods out, or pass more examples or a "
        + "smaller --batch-size.")
  }

  /// Lines that say which options differ from those of a study's file, of those that can change its result.
  ///
  /// Where data and weights lie cannot: each run compares what they hold. Throws where it is not a JSON object.
  func differences(fromFile content: Data) throws -> [String] {
    try JSON.members(of: JSON.document(self))
      .differences(from: JSON.members(of: content), ignoring: FineTuneConfiguration.withoutEffect)
  }
}

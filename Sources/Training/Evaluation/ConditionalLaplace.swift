import Backbones
import Baselines
import Datasets
import Evidence
import Torch
import Weights

/// LA-CLML: how well a finished MAP run's Laplace posterior predicts the part that was held out from it.
///
/// The posterior is N(θ*, T²/(F + P)) around the run's weights, with the diagonal empirical Fisher of what it was
/// trained on and the precisions αN and βN of its penalty. T is the best of ``temperatures`` by the accuracy on the
/// held-out part, never on a test split. As published: 20 draws, whose standard deviation T multiplies.
public struct ConditionalLaplace: Sendable, Equatable {
  /// The temperatures that are tried.
  public static let temperatures = [1, 0.1, 0.01, 1e-3, 1e-4]
  /// Draws from the posterior.
  public static let samples = 20

  /// log p(D≥ | D<) of the held-out part given what was trained on, in nats, at ``temperature``.
  public var conditionalLogMarginalLikelihood: Double
  /// The T that was taken.
  public var temperature: Double
  /// The held-out part's accuracy, on average over the draws, at each of ``temperatures``.
  public var accuracies: [Double]
  /// log p(D<), the Laplace evidence of what was trained on, in nats.
  public var logMarginalLikelihood: Double

  /// Evaluates the finished MAP run in a folder, which held something out.
  ///
  /// Its data and weights are those that its `config.json` names, unless others are given, such as where they were
  /// moved. Throws `ImproperPrior` where its α or β is 0, ``TrainingError`` for another run and for data that are not
  /// the run's, and the errors of Datasets, Weights, Backbones and Torch.
  public init(
    _ run: RunFolder, data: String? = nil, weights: String? = nil, device: Device = .cpu
  ) throws {
    let saved = try SavedModel(run: run)
    let configuration = try run.readConfiguration()
    let options = try FineTuneOptions(of: configuration, run: run, data: data, weights: weights)
    func refuse(_ reason: String) -> TrainingError { .unreadableRun(path: run.path, reason: reason) }
    guard configuration.objective == .map, saved.likelihood == .categorical else {
      throw refuse("the conditional evidence is that of a classifier of --objective map, and this is none")
    }
    guard configuration.prior != .ptyl else {
      throw refuse("the diagonal Laplace evidence is that of a prior with Σ = I, and this run has --prior ptyl")
    }
    let dataset = try Dataset.open(options.data, options: options.datasetOptions)
    let parts = try options.parts(of: dataset)
    guard !parts.heldOut.isEmpty else { throw refuse("it held nothing out: --hold-out") }
    let weights = try options.weights.map { try PretrainedWeights(path: $0, of: saved.network.backbone) }
    var identity = DataIdentity(dataset, weights: weights)
    identity.vocabulary = saved.preparation.tokenizer?.vocabulary.checksum
    try run.checkSame(configuration, identity)

    let model = try saved.model(device: device)
    let strengths = model.vector.blocks.map { (($0.part == .head ? configuration.beta : configuration.alpha) ?? 0) }
    for (block, strength) in zip(model.vector.blocks, strengths) where strength <= 0 {
      throw ImproperPrior(block: block.name, precision: strength)
    }
    func images(_ examples: [Example]) throws -> ExampleBatches {
      try saved.preparation.batches(
        of: examples, split: .train, skipUnreadable: configuration.skipUnreadable, device: device)
    }
    let center =
      try configuration.prior == .l2SP
      ? weights.map { weights in
        let start = try saved.network.loadStateDict(weights.tensors, head: .fresh(seed: configuration.seed))
        return try Tensor(saved.network.layout.vector(start.parameters), shape: model.vector.weights.shape)
          .to(device: device)
      } : nil
    var (kept, heldOut) = (try images(parts.kept), try images(parts.heldOut))
    for part in [kept, heldOut] { try identity.add(part.store, of: .train, listed: dataset.splits[.train] ?? []) }
    // The run decoded its test split as well, which is of no use here.
    try run.checkSamePixels(identity, of: [.train])
    // N is what was trained on: images that could not be decoded are no part of it.
    let precisions = strengths.map { $0 * Double(kept.count) }
    if configuration.train == .head {
      try kept.cacheFeatures(of: model, batchSize: configuration.batchSize)
      try heldOut.cacheFeatures(of: model, batchSize: configuration.batchSize)
      model.firstStage = model.network.frozenStageCount
    }
    let mean = try model.vector.weights.clone()
    let evidence = try model.laplaceEvidence(at: mean, center: center, on: kept)
    logMarginalLikelihood = try evidence.logMarginalLikelihood(precisions: precisions)

    let deviations = try evidence.deviations(precisions: precisions, like: model.vector)
    let found = try Self.temperatures.map {
      try model.conditionalEvidence(
        of: heldOut, mean: mean, deviations: deviations * $0,
        seed: Streams.evidenceNoise.seed(configuration.seed), batchSize: configuration.batchSize)
    }
    accuracies = found.map(\.accuracy)
    // A tie is the higher temperature's.
    let best = accuracies.firstIndex(of: accuracies.max() ?? 0) ?? 0
    temperature = Self.temperatures[best]
    conditionalLogMarginalLikelihood = found[best].logLikelihood
  }
}

extension Model {
  /// (B5) of a part of the data by draws mean + deviations·ε, with the running statistics as they are.
  ///
  /// Leaves the mean in the weights.
  func conditionalEvidence(
    of data: ExampleBatches, mean: Tensor, deviations: Tensor, seed: UInt64,
    samples: Int = ConditionalLaplace.samples, batchSize: Int
  ) throws -> ConditionalEvidence {
    let draws = try (0..<samples).map { sample in
      let noise = Noise.drawn(NormalDraws(seed: seed, step: UInt64(sample)))
      try vector.set(mean + vector.passes.epsilon(noise, like: mean) * deviations)
      return try logProbabilities(of: data, batchSize: batchSize)
    }
    try vector.set(mean)
    return ConditionalEvidence(draws: draws, labels: data.labels, classes: network.classes)
  }
}

extension FineTuneOptions {
  /// What decides a run's data and where it starts, of its configuration.
  fileprivate init(
    of configuration: FineTuneConfiguration, run: RunFolder, data: String?, weights: String?
  ) throws {
    let named = configuration.weights == "none" ? nil : configuration.weights
    self.init(
      data: data ?? configuration.data, model: configuration.model, weights: weights ?? named, out: run.path)
    trainSplits = try configuration.trainSplits.flatMap { try Split.list($0) }
    (classes, n, seed, holdOut) = (configuration.classes, configuration.n, configuration.seed, configuration.holdOut)
  }
}

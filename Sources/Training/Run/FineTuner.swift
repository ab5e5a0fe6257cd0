import Backbones
import Datasets
import Evidence
import Foundation
import Torch
import Weights

/// Fine-tunes a network on a labelled data set, and learns λ, τ and σ on the training set while it does so.
///
/// The learning rate is chosen among the candidates by the objective on the training set; there is no validation split.
public struct FineTuner {
  /// What was asked for.
  public let options: FineTuneOptions

  /// A run to be made.
  public init(_ options: FineTuneOptions) { self.options = options }

  /// Makes the run: reads and checks everything first, then trains, evaluates and saves.
  ///
  /// Nothing is written before data, weights and options have been found good. A run that was interrupted in the folder
  /// goes on from its newest checkpoint, and its result is the undisturbed run's, bit for bit, on the same type of
  /// machine; of one that is finished the result is read. Both need the same options, data (which are decoded for that)
  /// and weights.
  /// Throws ``TrainingError``, and the errors of Datasets, Weights, Backbones and Torch.
  @discardableResult
  public func run(
    interruption: Interruption? = nil, onEvent: (FineTuneEvent) throws -> Void = { _ in }
  ) throws -> FineTuneResult {
    let start = ContinuousClock.now
    try options.validate()
    // cuBLAS reads it when it is first used.
    if options.deterministic { setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0) }
    try Runtime.start(threads: options.threads, deterministic: options.deterministic)
    var inputs = try RunInputs(options, onEvent)
    let configuration = inputs.configuration

    let claim = RunClaim(
      RunFolder(options.out), configuration: configuration, overwrite: options.overwrite, interruption: interruption)
    defer { claim.release() }
    if let result = try claim.finished(inputs.identity, onEvent) {
      // Only pixels tell a file that was replaced by another of its name.
      _ = try inputs.decode(interruption: interruption, onEvent)
      try claim.folder.checkSamePixels(inputs.identity)
      try onEvent(.alreadyFinished(run: options.out))
      return result
    }
    for note in inputs.notes { try onEvent(.note(note)) }

    let network = try inputs.makeNetwork()
    let pretraining = try inputs.priorFile.map { try options.pretraining($0, of: network) }
    let initial = network.starting(
      try initialState(of: network, inputs.weights, pretraining, onEvent), head: configuration.headInitialization)
    let model = try Model(
      network: network, state: initial, device: inputs.device, blocks: options.division,
      precision: configuration.precision)
    if let size = configuration.size { try model.checkSize(size) }

    var data = try inputs.decode(interruption: interruption, onEvent)
    if inputs.device.isCUDA || options.trainsAsOnGPU { try data.moveToDevice(onEvent) }

    var trainer = try trainer(model, from: initial, pretraining, on: data, configuration)
    let (keeper, found) = try claim.begin(
      inputs.identity, vocabulary: inputs.preparation.tokenizer?.vocabulary, model: model,
      interval: options.checkpointEvery, start: start, onEvent)
    do {
      try cacheFeatures(of: &data, model: model, configuration: configuration, onEvent)
      (trainer.data, trainer.heldOut) = (data.training, data.heldOut)
      keeper.trainingBegins()
      if inputs.device.isCUDA { trainer.recorder = try graphs(onEvent) }
      let best = try train(trainer, classes: inputs.dataset.classes, keeper: keeper, from: found, onEvent)
      let measured = try measure(best, by: trainer, test: data.test, classes: inputs.dataset.classes)
      return try keeper.finish(in: claim.folder) {
        try save(best, measured, of: trainer, inputs: inputs, keeper: keeper, in: claim.folder)
      }
    } catch is Interrupted {
      throw TrainingError.interrupted(run: claim.folder.path, progress: keeper.progress)
    }
  }

  /// What every candidate shares, on these data; nothing records their steps yet.
  private func trainer(
    _ model: Model, from initial: StateDict, _ pretraining: PretrainedPrior?, on data: RunData,
    _ configuration: FineTuneConfiguration
  ) throws -> CandidateTrainer {
    let (layout, examples) = (model.network.layout, data.training.count)
    let initialMean = try Tensor(layout.vector(initial.parameters), shape: [layout.paddedCount])
      .to(device: model.device)
    let objective = DataEmphasizedELBO(
      layout: layout, examples: examples,
      kappa: configuration.kappa(parameters: layout.count, examples: examples),
      prior: try options.makePrior(around: initialMean, pretraining, layout, examples: examples))
    return CandidateTrainer(
      configuration: configuration, model: model, data: data.training, heldOut: data.heldOut, objective: objective,
      likelihood: try configuration.initialLikelihood(values: data.training.values), initialMean: initialMean,
      initialBuffers: try model.bufferCopies(),
      augmentation: Augmentation(seed: configuration.seed, kind: configuration.augmentation), recorder: nil)
  }

  /// Trains the candidates, or goes on where a checkpoint left them; the best one.
  private func train(
    _ trainer: CandidateTrainer, classes: [String], keeper: RunKeeper, from found: CheckpointFolder.Found?,
    _ onEvent: (FineTuneEvent) throws -> Void
  ) throws -> Candidate {
    let (configuration, objective) = (trainer.configuration, trainer.objective)
    let obstacles = trainer.deviceObstacles
    if trainer.model.device.isCUDA || options.trainsAsOnGPU, !obstacles.isEmpty {
      let reasons = obstacles.joined(separator: " and ")
      try onEvent(.note("with \(reasons) steps on a GPU are taken one by one, not in blocks: slower"))
    }
    let plan = configuration.racePlan(trainingExamples: trainer.data.count)
    try onEvent(
      .started(
        FineTuneSetup(
          examples: trainer.data.count, classes: trainer.likelihood == .categorical ? classes.count : nil,
          parameters: trainer.model.network.layout.count, kappa: objective.kappa, steps: configuration.steps,
          learningRates: configuration.learningRates, race: plan, hasPosterior: configuration.hasPosterior)))
    guard let plan else {
      return try LearningRateSearch(trainer: trainer, keeper: keeper)
        .run(from: found?.checkpoint.snapshot, best: found?.best, onEvent)
    }
    if plan.cost > RacePlan.budget {
      let cost = (plan.cost * 10).rounded() / 10
      try onEvent(
        .note("in so few steps, the race for the learning rate costs about \(cost) runs at one, not \(RacePlan.budget)")
      )
    }
    return try LearningRateRace(trainer: trainer, keeper: keeper, plan: plan)
      .run(from: found?.checkpoint.snapshot, best: found?.best, onEvent)
  }

  /// What the best candidate is measured to be.
  private typealias Measured = (likelihood: Likelihood, heldOut: SplitMetrics?, test: SplitMetrics?)

  /// Puts the best candidate into the model, and measures it on what was held out and on the test split.
  private func measure(
    _ best: Candidate, by trainer: CandidateTrainer, test: ExampleBatches?, classes: [String]
  ) throws -> Measured {
    let model = trainer.model
    try model.vector.set(
      Tensor(best.posterior.mean, shape: [best.posterior.mean.count]).to(device: model.device))
    try model.setBuffers(best.buffers)
    let likelihood = trainer.likelihood.withNoise(best.evidence.noise)
    func metrics(_ examples: ExampleBatches) throws -> SplitMetrics {
      try model.metrics(
        of: examples, under: likelihood, names: classes, batchSize: trainer.configuration.batchSize)
    }
    return (likelihood, try trainer.heldOut.map(metrics), try test.map(metrics))
  }

  /// Writes the model, its card and all but the summary.
  private func save(
    _ best: Candidate, _ measured: Measured, of trainer: CandidateTrainer, inputs: RunInputs, keeper: RunKeeper,
    in folder: RunFolder
  ) throws -> FineTuneResult {
    let (configuration, classes) = (trainer.configuration, inputs.dataset.classes)
    let naming = inputs.weights?.naming ?? .usual(of: inputs.backbone)
    try SavedModel.write(
      best, likelihood: measured.likelihood, kappa: trainer.objective.kappa, configuration,
      of: trainer.model.network, classes: classes, preparation: inputs.preparation, naming: naming, to: folder)
    let result = FineTuneResult(
      best, of: trainer, likelihood: measured.likelihood, heldOut: measured.heldOut, test: measured.test,
      keeper: keeper, run: folder.path)
    try ModelCard(
      result: result, configuration: configuration, classes: classes, preparation: inputs.preparation, naming: naming,
      eps: inputs.backbone.unusualEps
    ).write(to: folder)
    return result
  }

  private func initialState(
    of network: Network, _ weights: PretrainedWeights?, _ pretraining: PretrainedPrior?,
    _ onEvent: (FineTuneEvent) throws -> Void
  ) throws -> StateDict {
    if weights == nil, let pretraining {
      guard let buffers = pretraining.buffers else {
        throw TrainingError.invalidOption(
          "--weights none with a prior file that has no running statistics: training cannot start from its mean. "
            + "Pass the pretrained --weights, too.")
      }
      let layout = network.layout
      let fresh = network.initialState(seed: options.seed)
      let head = fresh.parameters.dropFirst(layout.backboneSlices.count)
      return StateDict(parameters: layout.backboneValues(ofVector: pretraining.mean) + head, buffers: buffers)
    }
    guard let weights else {
      try onEvent(.note("no pretrained weights: training from scratch, with the prior's mean at zero"))
      return network.initialState(seed: options.seed)
    }
    for adaptation in network.adaptations(of: weights.tensors.shapes) { try onEvent(.note(adaptation)) }
    return try network.loadStateDict(weights.tensors, head: .fresh(seed: options.seed))
  }

  /// What records steps on a GPU; tells why, where there is nothing.
  private func graphs(_ onEvent: (FineTuneEvent) throws -> Void) throws -> CUDAGraphs? {
    do throws(TorchError) {
      return try CUDAGraphs()
    } catch {
      try onEvent(.note("CUDA graphs are not used: slower (\(error))"))
      return nil
    }
  }
}

extension Duration {
  /// The duration in seconds.
  var seconds: Double { self / .seconds(1) }
}

extension Preprocessing {
  /// The preprocessing that a backbone's weights expect, at a crop size.
  init(size: Int, resize: Resize, for normalization: InputNormalization) {
    self.init(
      size: size, resize: resize, channelOrder: normalization.channelOrder == .rgb ? .rgb : .bgr,
      scale: Double(normalization.divisor), mean: normalization.mean.map(Double.init),
      std: normalization.std.map(Double.init))
  }
}

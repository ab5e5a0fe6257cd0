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
    let device = try options.device.resolved()
    var backbone = try Backbone.named(options.model)
    try options.validateModality(of: backbone)
    // An unknown layer is told before anything is read.
    _ = try backbone.makeNetwork(classes: 1, training: options.train)
    let dataset = try Dataset.open(options.data, options: options.datasetOptions)
    let parts = try options.parts(of: dataset)
    let configuration = try options.resolved(
      examples: parts.kept.count, targets: dataset.targets, backbone: backbone, device: device)
    let weights = try options.weights.map { try PretrainedWeights(path: $0, of: backbone) }
    let priorFile = try options.priorFile.map { try PriorFile(path: $0) }
    let pixels = weights?.normalization ?? priorFile?.normalization ?? backbone.normalization
    backbone.eps = weights?.backbone.eps ?? priorFile?.eps ?? backbone.eps
    let preparation = try options.preparation(
      for: backbone, normalization: pixels, of: dataset, training: parts.kept, weights: weights, configuration, onEvent)
    var identity = DataIdentity(dataset, weights: weights, prior: priorFile)
    identity.vocabulary = preparation.tokenizer?.vocabulary.checksum

    func decode(_ split: Split, _ examples: [Example]?, as name: String? = nil) throws -> ExampleBatches? {
      guard let examples, !examples.isEmpty else { return nil }
      var batches = try preparation.batches(
        of: examples, split: split, name: name, skipUnreadable: configuration.skipUnreadable,
        isTraining: split == .train && name == nil, device: device, onEvent: onEvent)
      try identity.add(batches.store, of: split, listed: dataset.splits[split] ?? [])
      batches.interruption = interruption
      return batches
    }
    func decodeSplits() throws -> (training: ExampleBatches?, heldOut: ExampleBatches?, test: ExampleBatches?) {
      (
        try decode(.train, parts.kept), try decode(.train, parts.heldOut, as: "held-out"),
        try decode(.test, dataset.splits[.test])
      )
    }

    let claim = RunClaim(
      RunFolder(options.out), configuration: configuration, overwrite: options.overwrite, interruption: interruption)
    defer { claim.release() }
    if let result = try claim.finished(identity, onEvent) {
      // Only pixels tell a file that was replaced by another of its name.
      _ = try decodeSplits()
      try claim.folder.checkSamePixels(identity)
      try onEvent(.alreadyFinished(run: options.out))
      return result
    }
    let notes =
      options.device.notes() + dataset.notes + options.notes(on: parts, of: dataset) + (weights?.notes ?? [])
      + (priorFile?.notes(beside: weights) ?? [])
    for note in notes { try onEvent(.note(note)) }
    let network = try backbone.makeNetwork(
      outputsFor: dataset.classes, size: configuration.size,
      vocabulary: weights.flatMap { backbone.vocabularySize(of: $0.tensors) }
        ?? preparation.tokenizer?.vocabulary.tokens.count,
      training: options.train)
    let pretraining = try priorFile.map { try options.pretraining($0, of: network) }
    let initial = network.starting(
      try initialState(of: network, weights, pretraining, onEvent), head: configuration.headInitialization)

    let model = try Model(
      network: network, state: initial, device: device, blocks: options.division, precision: configuration.precision)
    if let size = configuration.size { try model.checkSize(size) }

    var (decoded, heldOutData, testData) = try decodeSplits()
    guard var trainingData = decoded else { throw TrainingError.invalidOption("no training examples") }
    if device.isCUDA || options.trainsAsOnGPU {
      try trainingData.moveToDevice("train", onEvent: onEvent)
      try heldOutData?.moveToDevice("held-out", onEvent: onEvent)
      try testData?.moveToDevice("test", onEvent: onEvent)
    }
    let likelihood = try configuration.initialLikelihood(values: trainingData.values)

    let layout = network.layout
    let initialMean = try Tensor(layout.vector(initial.parameters), shape: [layout.paddedCount]).to(device: device)
    let objective = DataEmphasizedELBO(
      layout: layout, examples: trainingData.count,
      kappa: configuration.kappa(parameters: layout.count, examples: trainingData.count),
      prior: try options.makePrior(around: initialMean, pretraining, layout, examples: trainingData.count))

    let plan = configuration.racePlan(trainingExamples: trainingData.count)
    let (keeper, found) = try claim.begin(
      identity, vocabulary: preparation.tokenizer?.vocabulary, model: model, interval: options.checkpointEvery,
      start: start, onEvent)
    do {
      try cacheFeatures(
        &trainingData, &heldOutData, &testData, model: model, configuration: configuration, onEvent)
      keeper.trainingBegins()
      let trainer = CandidateTrainer(
        configuration: configuration, model: model, data: trainingData, heldOut: heldOutData,
        objective: objective, likelihood: likelihood, initialMean: initialMean,
        initialBuffers: try model.bufferCopies(),
        augmentation: Augmentation(seed: configuration.seed, kind: configuration.augmentation),
        recorder: device.isCUDA ? try graphs(onEvent) : nil)
      let obstacles = trainer.deviceObstacles
      if device.isCUDA || options.trainsAsOnGPU, !obstacles.isEmpty {
        let reasons = obstacles.joined(separator: " and ")
        try onEvent(.note("with \(reasons) steps on a GPU are taken one by one, not in blocks: slower"))
      }
      try onEvent(
        .started(
          FineTuneSetup(
            examples: trainingData.count, classes: likelihood == .categorical ? dataset.classes.count : nil,
            parameters: layout.count, kappa: objective.kappa, steps: configuration.steps,
            learningRates: configuration.learningRates, race: plan,
            hasPosterior: configuration.hasPosterior))
      )
      if let plan, plan.cost > RacePlan.budget {
        let cost = (plan.cost * 10).rounded() / 10
        try onEvent(
          .note(
            "in so few steps, the race for the learning rate costs about \(cost) runs at one, not \(RacePlan.budget)"))
      }
      let best =
        try plan.map {
          try LearningRateRace(trainer: trainer, keeper: keeper, plan: $0)
            .run(from: found?.checkpoint.snapshot, best: found?.best, onEvent)
        }
        ?? LearningRateSearch(trainer: trainer, keeper: keeper)
        .run(from: found?.checkpoint.snapshot, best: found?.best, onEvent)
      try model.vector.set(Tensor(best.posterior.mean, shape: [layout.paddedCount]).to(device: device))
      try model.setBuffers(best.buffers)
      let learned = likelihood.withNoise(best.evidence.noise)
      func metrics(_ examples: ExampleBatches) throws -> SplitMetrics {
        try model.metrics(
          of: examples, under: learned, names: dataset.classes, batchSize: configuration.batchSize)
      }
      let (validation, test) = (try heldOutData.map(metrics), try testData.map(metrics))
      let naming = weights?.naming ?? .usual(of: backbone)
      return try keeper.finish(in: claim.folder) {
        try SavedModel.write(
          best.posterior, family: configuration.posterior, buffers: try best.buffers.map { try $0.floats() },
          drawBuffers: best.drawBuffers, seed: configuration.seed,
          of: network, classes: dataset.classes, preparation: preparation, evidence: best.evidence,
          kappa: objective.kappa, likelihood: learned, train: options.train, objective: options.objective,
          naming: naming, to: claim.folder)
        let evidence = best.evidence
        let result = FineTuneResult(
          run: claim.folder.path, model: backbone.name, n: trainingData.count, d: layout.count,
          kappa: objective.kappa, lambda: evidence.lambda, tau: evidence.tau, sigma: evidence.sigma,
          lambdaByLayer: evidence.lambdaByLayer, tauByLayer: evidence.tauByLayer, sigmaByLayer: evidence.sigmaByLayer,
          likelihood: learned.name, noise: evidence.noise,
          lr: best.learningRate,
          lrCandidates: keeper.state.race?.candidates(configuration.learningRates, ends: keeper.state.reports)
            ?? keeper.state.reports, rungs: keeper.state.race?.outcomes.map(\.report), steps: configuration.steps,
          seconds: keeper.seconds, elbo: evidence.elbo, logLikelihood: evidence.logLikelihood, kl: evidence.kl,
          loss: evidence.loss, test: test?.classification,
          testRegression: test?.regression, validation: validation?.classification,
          validationRegression: validation?.regression, trainingSeconds: keeper.state.trainingSeconds ?? 0,
          trainedSteps: keeper.state.trainedSteps,
          objective: options.objective.rawValue,
          alpha: configuration.alpha ?? objective.gridUnits(evidence.lambdaByLayer == nil ? evidence.lambda : nil),
          beta: configuration.beta ?? objective.gridUnits(evidence.tauByLayer == nil ? evidence.tau : nil),
          logMarginalLikelihood: evidence.logMarginalLikelihood)
        try ModelCard(
          result: result, configuration: configuration, classes: dataset.classes, preparation: preparation,
          naming: naming, eps: backbone.unusualEps
        ).write(to: claim.folder)
        return result
      }
    } catch is Interrupted {
      throw TrainingError.interrupted(run: claim.folder.path, progress: keeper.progress)
    }
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

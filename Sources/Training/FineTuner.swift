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
  /// Nothing is written before data, weights and options have been found good. Throws ``TrainingError``, and the errors
  /// of Datasets, Weights, Backbones and Torch.
  @discardableResult
  public func run(onEvent: (FineTuneEvent) throws -> Void = { _ in }) throws -> FineTuneResult {
    let clock = ContinuousClock()
    let start = clock.now
    try options.validate()
    try Runtime.start(threads: options.threads)
    let device = try options.device.resolved()
    let backbone = try Backbone.named(options.model)
    let dataset = try Dataset.open(options.data, options: options.datasetOptions)
    let training = dataset.splits[.train] ?? []
    let configuration = try options.resolved(examples: training.count, backbone: backbone, device: device)
    let folder = RunFolder(options.out)
    if try folder.checkAvailable(for: configuration) {
      try onEvent(.note("\(folder.path) holds an interrupted run with the same configuration; it starts again"))
    }
    for note in dataset.notes { try onEvent(.note(note)) }
    let network = backbone.makeNetwork(classes: dataset.classes.count)
    let initial = try initialState(of: network, onEvent)

    let preprocessing = Preprocessing(
      size: configuration.size, resize: configuration.resize, for: backbone.normalization)
    func decode(_ split: Split) throws -> ImageBatches? {
      guard let examples = dataset.splits[split] else { return nil }
      let store = try ImageStore.decode(
        examples, preprocessing: preprocessing, skipUnreadable: configuration.skipUnreadable, split: split,
        onEvent: onEvent)
      return ImageBatches(store, device: device)
    }
    guard let trainingImages = try decode(.train) else { throw TrainingError.invalidOption("no training images") }
    let testImages = try decode(.test)

    let layout = network.layout
    let model = try Model(
      network: network, state: initial, device: device, precision: configuration.precision)
    try checkSize(configuration.size, of: model)
    try folder.create(configuration)
    let initialMean = try Tensor(layout.vector(initial.parameters), shape: [layout.paddedCount]).to(device: device)
    let objective = DataEmphasizedELBO.l2SP(
      layout: layout, pretrained: options.weights == nil ? nil : initialMean, examples: trainingImages.count,
      kappa: configuration.kappa)
    let trainer = CandidateTrainer(
      configuration: configuration, model: model, data: trainingImages, objective: objective,
      initialMean: initialMean,
      initialBuffers: try model.bufferCopies(),
      augmentation: Augmentation(seed: configuration.seed, kind: configuration.augmentation))
    try onEvent(
      .started(
        FineTuneSetup(
          examples: trainingImages.count, classes: dataset.classes.count, parameters: layout.count,
          kappa: objective.kappa, steps: configuration.steps, learningRates: configuration.learningRates)))

    let (best, candidates) = try search(
      trainer, metrics: try MetricsFile(path: folder.metrics), onEvent)
    try model.vector.set(best.mean)
    try model.setBuffers(best.buffers)
    let test = try testImages.map { try model.metrics(of: $0, batchSize: configuration.batchSize) }
    try SavedModel.write(
      StateDict(
        parameters: layout.values(ofVector: try best.mean.floats()), buffers: try best.buffers.map { try $0.floats() }),
      of: network, classes: dataset.classes, preprocessing: preprocessing, evidence: best.evidence,
      kappa: objective.kappa, to: folder.model)
    let evidence = best.evidence
    let result = FineTuneResult(
      run: folder.path, model: backbone.name, n: trainingImages.count, d: layout.count, kappa: objective.kappa,
      lambda: evidence.lambda, tau: evidence.tau, sigma: evidence.sigma, lr: best.learningRate,
      lrCandidates: candidates, steps: configuration.steps, seconds: (clock.now - start).seconds, elbo: evidence.elbo,
      logLikelihood: evidence.logLikelihood, kl: evidence.kl, loss: evidence.loss, test: test)
    try AtomicFile.write(JSON.document(result), to: folder.summary)
    return result
  }

  private func initialState(of network: Network, _ onEvent: (FineTuneEvent) throws -> Void) throws -> StateDict {
    guard let path = options.weights else {
      try onEvent(.note("no pretrained weights: training from scratch, with the prior's mean at zero"))
      return network.initialState(seed: options.seed)
    }
    return try network.loadStateDict(SafetensorsFile(path: path), head: .fresh(seed: options.seed))
  }

  /// Refuses images so small that the network has no output for them.
  private func checkSize(_ size: Int, of model: Model) throws {
    do {
      let image = try Tensor.zeros([1, 3, size, size], device: model.device)
      _ = try withoutGrad { try model(image, mode: .evaluation) }
    } catch let error as TorchError {
      throw TrainingError.invalidOption(
        "--size \(size): \(model.network.backbone.name) cannot take such images (\(error.message)). Pass a larger --size."
      )
    }
  }

  /// Trains every candidate from the same start and keeps the one with the highest evidence.
  private func search(
    _ trainer: CandidateTrainer, metrics: MetricsFile, _ onEvent: (FineTuneEvent) throws -> Void
  ) throws -> (best: Candidate, candidates: [LearningRateCandidate]) {
    let rates = trainer.configuration.learningRates
    var best: Candidate?
    var reports: [LearningRateCandidate] = []
    let clock = ContinuousClock()
    for (index, rate) in rates.enumerated() {
      let start = clock.now
      var report = LearningRateCandidate(lr: rate, loss: nil, seconds: 0, failure: nil)
      do {
        let candidate = try trainer.train(learningRate: rate) { step in
          try metrics.append(StepRecord(step))
          try onEvent(.step(step))
          if index == 0 && step.step == 20 {
            let secondsPerStep = (clock.now - start).seconds / 20
            try onEvent(.estimate(secondsLeft: secondsPerStep * Double(step.steps * rates.count - 20)))
          }
        }
        report.loss = candidate.evidence.loss
        if candidate.evidence.elbo > best?.evidence.elbo ?? -.infinity { best = candidate }
      } catch let error as TrainingError where rates.count > 1 {
        guard case .diverged = error else { throw error }
        report.failure = "\(error)"
      }
      report.seconds = (clock.now - start).seconds
      reports.append(report)
      try metrics.append(CandidateRecord(report))
      try onEvent(.candidate(report))
    }
    guard let best else { throw TrainingError.allCandidatesDiverged(rates) }
    return (best, reports)
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

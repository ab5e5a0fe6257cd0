import Backbones
import Datasets
import Foundation
import Torch
import Weights

/// Makes a prior of a backbone by SWAG: SGD with a constant learning rate from pretrained weights, whose iterates give
/// a mean, variances and deviations (Maddox et al., arXiv 1902.02476).
public struct PriorTrainer {
  /// What was asked for.
  public let options: PriorOptions

  /// A prior to be made.
  public init(_ options: PriorOptions) { self.options = options }

  /// Makes the prior and writes its file: reads and checks everything first.
  ///
  /// The head is the checkpoint's where it fits the classes, else a fresh one; the prior speaks of the backbone only.
  /// Its running statistics are re-estimated at the mean. Throws ``TrainingError``, ``PriorError``, and the errors of
  /// Datasets, Weights, Backbones and Torch.
  @discardableResult
  public func run(onEvent: (PriorEvent) throws -> Void = { _ in }) throws -> PriorResult {
    let start = ContinuousClock.now
    try options.validate()
    try OutputFile.check(options.out, overwrite: options.overwrite)
    try Runtime.start(threads: options.threads)
    let device = try options.device.resolved()
    let backbone = try Backbone.named(options.model)
    guard backbone.modality == .images else {
      throw TrainingError.invalidOption(
        "--model \(options.model): priors are made of networks of images, and it reads texts. Pass another --model.")
    }
    let dataset = try Dataset.open(
      options.data,
      options: Dataset.Options(
        trainSplits: options.trainSplits, classes: options.classes, n: options.n, seed: options.seed))
    guard dataset.targets != .values, !dataset.holdsTexts else {
      throw TrainingError.invalidOption(
        "\(options.data): holds \(dataset.holdsTexts ? "texts" : "images with values"), and a prior is made from images of "
          + "classes. Pass other data.")
    }
    for note in options.device.notes() + dataset.notes { try onEvent(.note(note)) }
    _ = try options.plan(examples: dataset.splits[.train]?.count ?? 0)
    let weights = try PretrainedWeights(path: options.weights, of: backbone)
    let network = weights.backbone.makeNetwork(classes: dataset.classes.count, size: options.size)
    let size = options.size ?? backbone.inputSize
    try network.checkPatches(of: size)
    let model = try Model(network: network, state: try initialState(of: network, weights, onEvent), device: device)
    try model.checkSize(size)
    let data = try images(dataset, size: size, for: weights.normalization, device: device, onEvent)
    let plan = try options.plan(examples: data.count)

    let collector = try train(model, on: data, plan, onEvent)
    let mean = collector.mean
    try model.vector.set(try Tensor(mean, shape: [mean.count]).to(device: device))
    try model.reestimateBatchNorm(on: data, batchSize: plan.batchSize, seed: options.seed)
    let metrics = try model.metrics(of: data, batchSize: plan.batchSize)
    let range = network.layout.backboneRange
    let prior = PretrainedPrior(
      mean: Array(mean[range]), variance: Array(collector.variance[range]),
      deviations: collector.deviations.map { Array($0[range]) }, buffers: try model.buffers.map { try $0.floats() })
    try PriorFile.write(
      prior, of: network, normalization: weights.normalization,
      origin: origin(plan, data, classes: network.classes, size: size), to: options.out)
    return PriorResult(
      prior, of: network, method: "swag", path: options.out, seconds: (ContinuousClock.now - start).seconds,
      training: PriorResult.Training(
        n: data.count, classes: network.classes, steps: plan.burnIn + plan.steps, collected: collector.count - 1,
        lr: options.learningRate, nll: metrics.nll, accuracy: metrics.accuracy))
  }

  /// SGD at a constant rate from the model's weights; where a number is not finite, it has diverged.
  private func train(
    _ model: Model, on data: ExampleBatches, _ plan: PriorOptions.Plan, _ onEvent: (PriorEvent) throws -> Void
  ) throws -> SwagCollector {
    let (weights, gradients) = (model.vector.weights, model.vector.gradients)
    let optimizer = try MomentumSGD(like: weights, weightDecay: options.weightDecay)
    let augmentation = Augmentation(seed: options.seed, kind: options.augmentation)
    var order = BatchOrder(count: data.count, seed: options.seed)
    var collector = SwagCollector(start: try weights.floats(), columns: options.columns)
    let steps = plan.burnIn + plan.steps
    for step in 0..<steps {
      if step == plan.burnIn, step > 0 {
        collector = SwagCollector(start: try weights.floats(), columns: options.columns)
      }
      let (inputs, labels) = try data.batch(
        order.indices(step: step, batchSize: plan.batchSize), augmentation: augmentation)
      let loss = try model(inputs, mode: .training()).crossEntropy(labels)
      try loss.backward()
      let nll = try loss.item()
      guard nll.isFinite else { throw PriorError.diverged(step: step + 1, learningRate: options.learningRate) }
      try optimizer.step(weights, gradients, learningRate: options.learningRate)
      if step >= plan.burnIn, (step - plan.burnIn + 1).isMultiple(of: plan.collectEvery) {
        guard try weights.isAllFinite() else {
          throw PriorError.diverged(step: step + 1, learningRate: options.learningRate)
        }
        collector.collect(try weights.floats())
      }
      try onEvent(.step(PriorStep(step: step + 1, steps: steps, nll: nll, collected: collector.count - 1)))
    }
    return collector
  }

  private func initialState(
    of network: Network, _ weights: PretrainedWeights, _ onEvent: (PriorEvent) throws -> Void
  ) throws -> StateDict {
    for note in weights.notes { try onEvent(.note(note)) }
    let shapes = Dictionary(weights.tensors.shapes.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
    let hasHead = network.layout.slices.filter { $0.group == .head }.allSatisfy { shapes[$0.name] == $0.shape }
    if !hasHead {
      try onEvent(.note("the weights have no head for \(network.classes) classes: it starts fresh"))
    }
    for adaptation in network.adaptations(of: shapes.map { ($0.key, $0.value) }) { try onEvent(.note(adaptation)) }
    return try network.loadStateDict(weights.tensors, head: hasHead ? .checkpoint : .fresh(seed: options.seed))
  }

  private func images(
    _ dataset: Dataset, size: Int, for normalization: InputNormalization, device: Device,
    _ onEvent: (PriorEvent) throws -> Void
  ) throws -> ExampleBatches {
    let preprocessing = Preprocessing(size: size, resize: options.resize, for: normalization)
    let store = try ImageStore.decode(
      dataset.splits[.train] ?? [], preprocessing: preprocessing, skipUnreadable: options.skipUnreadable,
      keepsClasses: true, name: Split.train.rawValue
    ) { event in
      switch event {
      case .note(let text): try onEvent(.note(text))
      case .decoding(let split, let done, let total):
        try onEvent(.decoding(split: split, done: done, total: total))
      default: break
      }
    }
    return ExampleBatches(store, device: device)
  }

  /// How the prior was made; without times, hosts or paths, so that equal runs give equal files.
  private func origin(_ plan: PriorOptions.Plan, _ data: ExampleBatches, classes: Int, size: Int) -> [String: String] {
    [
      "method": "swag", "examples": "\(data.count)", "classes": "\(classes)", "batch_size": "\(plan.batchSize)",
      "burn_in_steps": "\(plan.burnIn)", "steps": "\(plan.steps)", "collect_every": "\(plan.collectEvery)",
      "lr": "\(options.learningRate)", "momentum": "0.9", "weight_decay": "\(options.weightDecay)",
      "size": "\(size)", "augmentation": options.augmentation.rawValue,
      "seed": "\(options.seed)",
    ]
  }
}

import Backbones
import Datasets
import Torch

/// What a run is made from, read and checked, but for the examples themselves: these are decoded last.
struct RunInputs {
  let options: FineTuneOptions
  let device: Device
  /// With the ε that the weights or the prior were made with.
  let backbone: Backbone
  let dataset: Dataset
  let configuration: FineTuneConfiguration
  let weights: PretrainedWeights?
  let priorFile: PriorFile?
  let preparation: InputPreparation
  /// What tells the data and weights from others; with pixels or tokens once they are decoded.
  private(set) var identity: DataIdentity

  /// The training examples: those to train on, and those held out.
  private let parts: Dataset.HoldOut

  /// Reads the data's listing, the weights and the prior.
  ///
  /// Throws ``TrainingError``, and the errors of Datasets, Weights and Backbones.
  init(_ options: FineTuneOptions, _ onEvent: (FineTuneEvent) throws -> Void) throws {
    let device = try options.device.resolved()
    var backbone = try Backbone.named(options.model)
    try options.validateModality(of: backbone)
    // An unknown layer is told before anything is read.
    _ = try backbone.makeNetwork(classes: 1, training: options.train)
    let dataset = try Dataset.open(options.data, options: options.datasetOptions)
    try options.validateModality(of: backbone, for: dataset)
    let parts = try options.parts(of: dataset)
    let configuration = try options.resolved(
      examples: parts.kept.count, targets: dataset.targets, backbone: backbone, device: device)
    let weights = try options.weights.map { try PretrainedWeights(path: $0, of: backbone) }
    let priorFile = try options.priorFile.map { try PriorFile(path: $0) }
    backbone.eps = weights?.backbone.eps ?? priorFile?.eps ?? backbone.eps
    preparation = try options.preparation(
      for: backbone, normalization: weights?.normalization ?? priorFile?.normalization ?? backbone.normalization,
      of: dataset, training: parts.kept, weights: weights, configuration, onEvent)
    identity = DataIdentity(dataset, weights: weights, prior: priorFile)
    identity.vocabulary = preparation.tokenizer?.vocabulary.checksum
    (self.options, self.device, self.backbone) = (options, device, backbone)
    (self.dataset, self.parts, self.configuration) = (dataset, parts, configuration)
    (self.weights, self.priorFile) = (weights, priorFile)
  }

  /// What the user should know of the device, the data and the weights.
  var notes: [String] {
    options.device.notes() + dataset.notes + options.notes(on: parts, of: dataset) + (weights?.notes ?? [])
      + (priorFile?.notes(beside: weights) ?? [])
  }

  /// The network, for the data's classes or values.
  func makeNetwork() throws -> Network {
    let network = try backbone.makeNetwork(
      outputsFor: dataset.classes, size: configuration.size,
      vocabulary: weights.flatMap { backbone.vocabularySize(of: $0.tensors) }
        ?? preparation.tokenizer?.vocabulary.tokens.count,
      training: options.train)
    if let size = configuration.size { try network.checkPatches(of: size) }
    return network
  }

  /// Decodes or tokenizes all splits, and adds to the identity what they hold.
  ///
  /// Throws the errors of Datasets.
  mutating func decode(interruption: Interruption?, _ onEvent: (FineTuneEvent) throws -> Void) throws -> RunData {
    guard let training = try decode(.train, parts.kept, interruption, onEvent) else {
      throw TrainingError.invalidOption("no training examples")
    }
    return RunData(
      training: training, heldOut: try decode(.train, parts.heldOut, as: "held-out", interruption, onEvent),
      test: try decode(.test, dataset.splits[.test], interruption, onEvent))
  }

  private mutating func decode(
    _ split: Split, _ examples: [Example]?, as name: String? = nil, _ interruption: Interruption?,
    _ onEvent: (FineTuneEvent) throws -> Void
  ) throws -> ExampleBatches? {
    guard let examples, !examples.isEmpty else { return nil }
    var batches = try preparation.batches(
      of: examples, split: split, name: name, skipUnreadable: configuration.skipUnreadable,
      isTraining: split == .train && name == nil, device: device, onEvent: onEvent)
    try identity.add(batches.store, of: split, listed: dataset.splits[split] ?? [])
    batches.interruption = interruption
    return batches
  }
}

/// A run's examples.
struct RunData {
  var training: ExampleBatches
  /// The part of the training examples that is measured only.
  var heldOut: ExampleBatches?
  var test: ExampleBatches?

  /// How many there are.
  var count: Int { training.count + (heldOut?.count ?? 0) + (test?.count ?? 0) }

  /// Moves the images to the device, as far as they fit; tells what stays.
  mutating func moveToDevice(_ onEvent: (FineTuneEvent) throws -> Void) throws {
    try training.moveToDevice("train", onEvent: onEvent)
    try heldOut?.moveToDevice("held-out", onEvent: onEvent)
    try test?.moveToDevice("test", onEvent: onEvent)
  }
}

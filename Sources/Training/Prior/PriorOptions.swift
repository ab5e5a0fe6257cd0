import Backbones
import Datasets

/// What a prior is made from: a source data set, pretrained weights, and SWAG's numbers.
///
/// ```swift
/// var options = PriorOptions(data: "source", model: "resnet18", weights: "resnet18.pth", out: "prior.safetensors")
/// options.epochs = 10
/// let result = try PriorTrainer(options).run()
/// ```
public struct PriorOptions: Sendable {
  /// The source data's folder or file.
  public var data: String
  /// The backbone's name.
  public var model: String
  /// Its pretrained weights in any form that `PretrainedWeights` reads.
  public var weights: String
  /// The prior's file.
  public var out: String
  /// K, the deviations that are kept.
  public var columns = 5
  /// Passes over the source data.
  public var epochs = 30
  /// Optimisation steps instead of ``epochs``.
  public var steps: Int?
  /// Passes before the first weights are collected, for a head that starts fresh.
  public var burnIn = 0
  /// Steps between two collections; nil for once per pass.
  public var collectEvery: Int?
  /// SGD's learning rate, constant: high enough to move around in the basin of the pretrained weights.
  public var learningRate = 0.01
  /// L2 regularisation of all parameters, as SWAG was published for ImageNet.
  public var weightDecay = 1e-4
  /// Examples per step; nil for min(128, N).
  public var batchSize: Int?
  /// The side of the crop in pixels; nil for the backbone's own.
  public var size: Int?
  /// What resizing does with images that are not square.
  public var resize = Preprocessing.Resize.square
  /// What is done to training images.
  public var augmentation = Augmentation.Kind.cropAndFlip
  /// The splits to train on.
  public var trainSplits = [Split.train]
  /// The classes to keep; nil for all.
  public var classes: [String]?
  /// The number of training examples to draw; nil for all.
  public var n: Int?
  /// What everything random is drawn from.
  public var seed: UInt64 = 0
  /// Where to compute.
  public var device = DeviceChoice.auto
  /// Threads of libtorch's operations; nil for one per core.
  public var threads: Int?
  /// Whether images that cannot be decoded are left out.
  public var skipUnreadable = false
  /// Whether a file that is there is replaced.
  public var overwrite = false

  /// Options with SWAG's defaults.
  public init(data: String, model: String, weights: String, out: String) {
    (self.data, self.model, self.weights, self.out) = (data, model, weights, out)
  }

  /// Refuses numbers without a meaning, by ``TrainingError/invalidOption(_:)``.
  public func validate() throws(TrainingError) {
    try require(columns > 1, "--columns \(columns): expected at least 2 (the covariance divides by K − 1).")
    let most = 1_000_000
    try require(columns <= most, "--columns \(columns): expected at most \(most).")
    try require(epochs > 0, "--epochs \(epochs): expected at least 1.")
    try require(epochs <= most, "--epochs \(epochs): expected at most \(most).")
    if let steps {
      try require(steps > 0, "--steps \(steps): expected at least 1.")
      try require(steps <= 1000 * most, "--steps \(steps): expected at most \(1000 * most).")
    }
    try require(burnIn >= 0, "--burn-in \(burnIn): expected at least 0.")
    try require(burnIn <= most, "--burn-in \(burnIn): expected at most \(most).")
    if let collectEvery { try require(collectEvery > 0, "--collect-every \(collectEvery): expected at least 1.") }
    try require(learningRate > 0 && learningRate.isFinite, "--lr \(learningRate): expected a positive number.")
    try require(weightDecay >= 0 && weightDecay.isFinite, "--weight-decay \(weightDecay): expected at least 0.")
    if let batchSize {
      try require(batchSize > 1, "--batch-size \(batchSize): expected at least 2 (batch statistics need two examples).")
    }
    if let size { try require((8...14336).contains(size), "--size \(size): expected 8 to 14336 pixels.") }
  }

  /// The numbers of a training on N examples.
  struct Plan: Equatable {
    var batchSize, burnIn, steps, collectEvery: Int
  }

  /// What is done with N examples.
  ///
  /// Throws ``TrainingError/invalidOption(_:)`` where too little would be collected.
  func plan(examples: Int) throws(TrainingError) -> Plan {
    let batch = batchSize ?? FineTuneConfiguration.publishedBatchSize(for: .images, examples: examples)
    guard batch <= examples, batch > 1 else {
      throw .invalidOption(
        "--batch-size \(batch): expected 2 to the \(examples) training examples. Leave it out for min(128, N).")
    }
    let pass = (examples + batch - 1) / batch
    let plan = Plan(
      batchSize: batch, burnIn: burnIn * pass, steps: steps ?? epochs * pass, collectEvery: collectEvery ?? pass)
    let collections = plan.steps / plan.collectEvery
    guard collections >= columns else {
      throw .invalidOption(
        "--columns \(columns): \(plan.steps) steps collect \(collections) times, once in \(plan.collectEvery). "
          + "Pass more --epochs, a smaller --collect-every or fewer --columns.")
    }
    return plan
  }
}

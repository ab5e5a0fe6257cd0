import Backbones
import Datasets
import Evidence
import Foundation
import Torch

/// What a user asks for; what is left nil is chosen for the data, the network and the machine.
///
/// ```swift
/// var options = FineTuneOptions(data: "flowers", model: "resnet50", weights: "resnet50.safetensors", out: "run")
/// options.size = 160
/// let result = try FineTuner(options).run()
/// ```
public struct FineTuneOptions: Sendable {
  /// The data folder or file.
  public var data: String
  /// The backbone's name.
  public var model: String
  /// A checkpoint in any form that `PretrainedWeights` reads; nil trains from scratch.
  public var weights: String?
  /// The run folder.
  public var out: String
  /// The vocabulary of a network of texts, a `vocab.txt`; nil for the one beside the weights, or without weights for
  /// one that is made from the training texts.
  public var vocabulary: String?
  /// The most tokens of a text; nil for as many as the network has positions for.
  public var maxTokens: Int?
  /// The side of the crop in pixels; nil for the backbone's own.
  public var size: Int?
  /// What resizing does with images that are not square.
  public var resize = Preprocessing.Resize.square
  /// What is trained; all that stands before it keeps its pretrained values.
  public var train = TrainedPart.all
  /// The most bytes of features that are kept, for tests; nil for a quarter of the memory.
  package var featureMemory: Int?
  /// What is done to training images.
  ///
  /// With `train` at `TrainedPart.head` nothing is, as the features of every image are computed once.
  public var augmentation = Augmentation.Kind.cropAndFlip
  /// Optimisation steps of each run; by default the published number for images or for texts.
  public var steps: Int
  /// Examples per step; nil for min(128, N), of texts min(32, N).
  public var batchSize: Int?
  /// The splits to train on.
  public var trainSplits = [Split.train]
  /// The classes to keep; nil for all.
  public var classes: [String]?
  /// The number of training examples to draw; nil for all.
  public var n: Int?
  /// How the learning rate is found.
  public var learningRate = LearningRateChoice.race
  /// How many of a race's best candidates are trained to the end, where the highest evidence wins; each beyond the
  /// first costs nearly one run at a single learning rate.
  ///
  /// In runs of a few hundred steps the race is decided so early that a large rate is ahead which ends worse.
  public var finalists = 1
  /// Other learning rates to race or to choose among, for tests.
  package var learningRates: [Double]?
  /// What is trained by.
  public var objective = ObjectiveKind.deELBO
  /// α of ``ObjectiveKind/map``, the strength of the pull to the prior's mean; nil for 0.
  public var alpha: Double?
  /// β of ``ObjectiveKind/map``, the strength of the head's pull to 0; nil for 0.
  public var beta: Double?
  /// The fraction of the training examples that is not trained on but measured at the end; nil for none.
  ///
  /// It is stratified by class and drawn by ``seed``. Published for MAP: one fifth.
  public var holdOut: Double?
  /// The data's weight in the objective; nil for D/N, at most ``kappaLimit``.
  public var kappa: Double?
  /// The most that κ = D/N may be; nil for no limit, the published way.
  ///
  /// With few examples D/N emphasises the data so much that next to nothing is regularised.
  public var kappaLimit = Recipe.default.kappaLimit
  /// The prior on the backbone's weights.
  public var prior = PriorKind.l2SP
  /// What ``PriorKind/ptyl`` reads: a prior file that `gridless prior` wrote.
  public var priorFile: String?
  /// The columns of the prior file to use; nil for all.
  public var priorColumns: Int?
  /// Which parameters share a prior scale.
  public var priorScales = Prior.Scales.global
  /// Which parameters share a σ.
  public var posterior = GaussianPosterior.Family.isotropic
  /// λ where it is not to be learned.
  public var lambda: Double?
  /// τ where it is not to be learned.
  public var tau: Double?
  /// σ where it is not to be learned.
  public var sigma: Double?
  /// Posterior samples per step.
  public var samples = 1
  /// Whether samples come in pairs that mirror each other at the mean.
  public var antithetic = false
  /// Whether training steps drop residual branches, in networks that were made for it.
  ///
  /// By default none is dropped: the posterior's noise on every weight regularises, and its strength is learned.
  public var stochasticDepth = false
  /// Where a new head starts; nil is `.zero`, for ``ObjectiveKind/map`` and ``ObjectiveKind/laplace`` `.uniform`, as
  /// published.
  public var headInitialization: HeadInitialization?
  /// σ before the first step.
  ///
  /// The pull towards the prior's mean then has curvature 1/(Dσ²): 4 for ResNet-50 at the published 1e-4, but over 1000
  /// for a network of 75,000 parameters, which learns little before σ has grown. Such small networks want a larger one.
  public var initialSigma = FineTuneConfiguration.publishedInitialSigma
  /// How ρ is learned; `.published` is the published way.
  public var sigmaUpdate = SigmaUpdate.own
  /// How probable a target is, given the network's outputs; by default what the data asks for.
  public var likelihood = LikelihoodChoice.auto
  /// The standard deviation of a Gaussian likelihood's noise, in the values' own unit; nil to learn it.
  public var noise: Double?
  /// Posterior samples by which the evidence of a run is estimated; as many draws can predictions be averaged over.
  public var evidenceSamples = FineTuneConfiguration.publishedEvidenceSamples
  /// By which running statistics draws of the posterior are normalised; `.mean` is the published way.
  public var drawStatistics = DrawStatistics.own
  /// What everything random is drawn from.
  public var seed: UInt64 = 0
  /// Where to compute.
  public var device = DeviceChoice.auto
  /// Threads of libtorch's operations; nil for one per core.
  public var threads: Int?
  /// In which precision the network computes.
  public var precision = PrecisionChoice.auto
  /// Whether images that cannot be decoded are left out instead of ending the run.
  public var skipUnreadable = false
  /// Whether to train on the CPU as on a GPU, for tests.
  package var trainsAsOnGPU = false
  /// Whether a GPU's operations are deterministic, too, so that equal runs are equal bit for bit there; they are
  /// slower.
  public var deterministic = false
  /// How often a checkpoint is written from which an interrupted run goes on.
  public var checkpointEvery = CheckpointInterval.seconds(600)
  /// Whether a run that is in the folder already is moved aside (never deleted) and made anew.
  public var overwrite = false

  /// Options with the defaults of ``Recipe/default``; ``Recipe/published`` has the papers'.
  public init(data: String, model: String, weights: String?, out: String) {
    self.data = data
    self.model = model
    self.weights = weights
    self.out = out
    steps = FineTuneConfiguration.publishedSteps(model: model)
  }

  /// Refuses what has no meaning, by ``TrainingError/invalidOption(_:)``.
  ///
  /// ``FineTuner/run(interruption:onEvent:)`` does so too, before it looks at the data.
  public func validate() throws(TrainingError) {
    try require(steps > 0, "--steps \(steps): expected at least 1.")
    try require(steps <= 1_000_000_000, "--steps \(steps): expected at most 1000000000.")
    try require(
      train == .all || weights != nil,
      "--train \(train): without pretrained weights what is not trained would be random. Pass --weights with a "
        + "checkpoint, or --train all.")
    if let batchSize {
      try require(batchSize > 1, "--batch-size \(batchSize): expected at least 2 (batch statistics need two examples).")
    }
    if let size {
      // 14336 · 256/224, the side before the crop, is the largest that Datasets decodes.
      try require((8...14336).contains(size), "--size \(size): expected 8 to 14336 pixels.")
    }
    if case .fixed(let rate) = learningRate {
      try require(rate > 0 && rate.isFinite, "--lr \(rate): expected a positive number, auto or grid.")
    }
    let candidates = (learningRates ?? learningRate.rates).count
    try require(
      (1...candidates).contains(finalists) || learningRate != .race,
      "--finalists \(finalists): expected 1 to \(candidates), as so many learning rates race.")
    try require(
      finalists == 1 || learningRate == .race || !objective.hasPosterior,
      "--finalists \(finalists) with --lr \(learningRate): nothing races. Pass --lr auto, or leave it out.")
    try require(
      initialSigma > 0 && initialSigma.isFinite, "--initial-sigma \(initialSigma): expected a positive number.")
    if let noise {
      try require(noise > 0 && noise.isFinite, "--noise \(noise): expected a positive number, or auto to learn it.")
      try require(likelihood != .categorical, "--noise \(noise): a categorical likelihood has no noise. Leave it out.")
    }
    if let kappa {
      try require(
        kappa > 0 && kappa.isFinite,
        "--kappa \(kappa): expected a positive number, or auto for D/N (1 is the plain ELBO).")
    }
    if let kappaLimit {
      try require(
        kappaLimit > 0 && kappaLimit.isFinite,
        "--kappa-limit \(kappaLimit): expected a positive number, or none for κ = D/N whatever it is.")
    }
    try checkpointEvery.validate()
    try validateMethod()
    try validateObjective()
  }

  /// What to take from the data set.
  package var datasetOptions: Dataset.Options {
    Dataset.Options(trainSplits: trainSplits, classes: classes, n: n, seed: seed)
  }

  /// The configuration for N training examples.
  func resolved(
    examples: Int, targets: Dataset.Targets, backbone: Backbone, device: Device
  ) throws(TrainingError) -> FineTuneConfiguration {
    let rates = learningRates ?? learningRate.rates
    let readsTexts = backbone.modality == .texts
    let configuration = FineTuneConfiguration(
      data: data, model: model, weights: weights ?? "none", size: readsTexts ? nil : size ?? backbone.inputSize,
      resize: resize, maxTokens: readsTexts ? maxTokens ?? backbone.inputSize : nil, vocabulary: vocabulary,
      train: train, augmentation: train == .head || readsTexts ? .none : augmentation, steps: steps,
      batchSize: batchSize
        ?? FineTuneConfiguration.publishedBatchSize(for: backbone.modality, examples: examples),
      trainSplits: trainSplits.map(\.rawValue), classes: classes, n: n,
      learningRates: rates, race: learningRate == .race && rates.count > 1 ? true : nil,
      finalists: finalists > 1 ? finalists : nil,
      objective: objective, alpha: objective == .map ? alpha ?? 0 : nil, beta: objective == .map ? beta ?? 0 : nil,
      holdOut: holdOut, kappa: kappa, kappaLimit: kappaLimit, prior: prior, priorFile: priorFile,
      priorColumns: priorColumns,
      priorScales: priorScales,
      posterior: posterior, lambda: lambda, tau: tau, sigma: sigma, samples: samples, antithetic: antithetic,
      stochasticDepth: stochasticDepth ? true : nil,
      headInitialization: headInitialization ?? (objective.hasPosterior ? .zero : .uniform), initialSigma: initialSigma,
      sigmaUpdate: sigmaUpdate,
      evidenceSamples: evidenceSamples,
      drawStatistics: drawStatistics, seed: seed, device: device.description,
      threads: Runtime.threads,
      precision: posterior == .diagonal ? .float32 : precision.resolved(on: device),
      skipUnreadable: skipUnreadable, deterministic: deterministic,
      likelihood: try likelihood.resolved(for: targets, data: data, noise: noise).rawValue, noise: noise,
      checkpointEvery: checkpointEvery.description)
    guard objective != .laplace || configuration.likelihood == "categorical" else {
      throw .invalidOption(
        "--objective la-lml: \(data) has a column value of numbers, and its evidence is for classes. Pass another "
          + "--objective.")
    }
    guard configuration.batchSize <= examples else {
      throw .invalidOption(
        "--batch-size \(configuration.batchSize): larger than the \(examples) training examples. "
          + "Leave it out for min(\(readsTexts ? 32 : 128), N).")
    }
    return configuration
  }
}

/// Where to compute.
public enum DeviceChoice: String, Codable, Sendable, CaseIterable {
  /// The first GPU if there is one, else the CPU.
  case auto
  /// The CPU.
  case cpu
  /// The first GPU; an error if there is none.
  case cuda

  /// The device.
  ///
  /// Throws ``TrainingError/noGPU(reason:)`` if a GPU is asked for and there is none.
  public func resolved() throws -> Device {
    let count = self == .cpu ? 0 : try Runtime.cudaDeviceCount()
    if self == .cuda && count == 0 {
      throw TrainingError.noGPU(reason: Runtime.cudaLoadError ?? "CUDA is loaded, but reports no device")
    }
    return count > 0 ? .cuda(0) : .cpu
  }

  /// What a user wants to know of the choice: that `auto` takes the CPU though the machine has a GPU, and why.
  package func notes(driver: String = Runtime.nvidiaDriver) -> [String] {
    guard self == .auto, let reason = Runtime.unusableGPU(driver: driver) else { return [] }
    return ["the machine's GPU is not used, as libtorch's CUDA library does not load (\(reason))"]
  }

  /// The same as a choice that is not `auto`.
  package func concrete() throws -> DeviceChoice { try resolved().isCUDA ? .cuda : .cpu }
}

/// In which precision the network computes while it is trained.
public enum PrecisionChoice: String, Codable, Sendable, CaseIterable {
  /// bfloat16 where the processor or the GPU has instructions for it, else float32.
  case auto
  /// float32.
  case float32 = "fp32"
  /// bfloat16 for what can bear it; slow where it is emulated.
  case bfloat16 = "bf16"

  /// The precision.
  func resolved(on device: Device) -> ParameterVector.Precision {
    switch self {
    case .auto: device.isCUDA || Runtime.hasBFloat16Instructions ? .bfloat16 : .float32
    case .float32: .float32
    case .bfloat16: .bfloat16
    }
  }

  /// The same as a choice that is not `auto`.
  package func concrete(on device: DeviceChoice) throws -> PrecisionChoice {
    resolved(on: try device.resolved()) == .bfloat16 ? .bfloat16 : .float32
  }
}

import Backbones
import Datasets
import Evidence
import Foundation

/// Everything that determines a run, resolved: what `config.json` holds.
///
/// Two runs with equal configurations on the same machine type, thread count and precision have the same result.
public struct FineTuneConfiguration: Codable, Sendable, Equatable {
  /// The data folder or file, as the user named it.
  public var data: String
  /// The backbone's name.
  public var model: String
  /// The pretrained checkpoint, or "none" to train from scratch.
  public var weights: String
  /// The side of the square crop that the network sees, in pixels; nil for texts.
  public var size: Int?
  /// How an image is resized before the crop.
  public var resize: Preprocessing.Resize
  /// The most tokens of a text, nil for images.
  public var maxTokens: Int?
  /// Where the vocabulary was read from; nil for images, and where it was found beside the weights or made from the
  /// training texts.
  public var vocabulary: String?
  /// What is trained; nil in runs of older versions, which trained all.
  public var train: TrainedPart?
  /// What is done to training images: nothing with `TrainedPart.head`, whose features are computed once.
  public var augmentation: Augmentation.Kind
  /// Optimisation steps of each run.
  public var steps: Int
  /// Examples per step.
  public var batchSize: Int
  /// The splits that are trained on.
  public var trainSplits: [String]
  /// The classes kept, nil for all.
  public var classes: [String]?
  /// The number of training examples drawn from the splits, nil for all.
  public var n: Int?
  /// The learning rates to choose from by the evidence; a single one is taken as it is.
  public var learningRates: [Double]
  /// Whether they race (``RacePlan``); nil where each is trained to the end.
  public var race: Bool?
  /// How many of the race are trained to the end; nil for one.
  public var finalists: Int?
  /// What is trained by; nil in runs of older versions, which had the DE-ELBO alone.
  public var objective: ObjectiveKind?
  /// α of MAP; nil for the other objectives.
  public var alpha: Double?
  /// β of MAP; nil for the other objectives.
  public var beta: Double?
  /// The fraction of the training images that is held out; nil for none.
  public var holdOut: Double?
  /// The data's weight in the objective, nil for D/N, at most ``kappaLimit``.
  public var kappa: Double?
  /// The most that D/N may be as κ, nil for no limit.
  public var kappaLimit: Double?
  /// The prior on the backbone's weights.
  public var prior: PriorKind
  /// The prior file of ``PriorKind/ptyl``.
  public var priorFile: String?
  /// The columns of it that are used, nil for all.
  public var priorColumns: Int?
  /// Which parameters share a prior scale.
  public var priorScales: Prior.Scales
  /// Which parameters share a σ.
  public var posterior: GaussianPosterior.Family
  /// λ, nil to learn it.
  public var lambda: Double?
  /// τ, nil to learn it.
  public var tau: Double?
  /// σ, nil to learn it.
  public var sigma: Double?
  /// Posterior samples per step.
  public var samples: Int
  /// Whether samples come in mirrored pairs.
  public var antithetic: Bool
  /// Whether residual branches are dropped in training; nil where they are not.
  public var stochasticDepth: Bool?
  /// Where a new head starts.
  public var headInitialization: HeadInitialization
  /// σ before the first step.
  public var initialSigma: Double
  /// How ρ is learned.
  public var sigmaUpdate: SigmaUpdate
  /// Posterior samples by which the evidence of a run is estimated.
  public var evidenceSamples: Int
  /// By which running statistics draws of the posterior are normalised.
  public var drawStatistics: DrawStatistics
  /// From which the subset, the head, the order, the augmentation and the noise are drawn.
  public var seed: UInt64
  /// `cpu` or `cuda:0`.
  public var device: String
  /// Threads of libtorch's operations.
  public var threads: Int
  /// In which precision the network reads its sampled weights.
  public var precision: ParameterVector.Precision
  /// Whether images that cannot be decoded are left out.
  public var skipUnreadable: Bool
  /// Whether operations are deterministic on a GPU as well; nil in runs of older versions, which were not.
  public var deterministic: Bool?
  /// `categorical` or `gaussian`; nil in runs of older versions, which were categorical.
  public var likelihood: String?
  /// The standard deviation of a Gaussian likelihood's noise, in the values' own unit; nil where it is learned.
  public var noise: Double?
  /// How often a checkpoint is written, as ``CheckpointInterval`` reads it; nil in runs of older versions.
  public var checkpointEvery: String?

  /// Whether a posterior is learned.
  package var hasPosterior: Bool { prior != .none && objective?.hasPosterior ?? true }

  /// κ for D trained parameters and N examples; 1 without a posterior, where it has no meaning.
  func kappa(parameters: Int, examples: Int) -> Double {
    guard hasPosterior else { return 1 }
    return kappa ?? min(Double(parameters) / Double(examples), kappaLimit ?? .infinity)
  }

  /// The published candidates for the learning rate.
  public static let publishedLearningRates = [0.1, 0.01, 0.001, 0.0001]
  /// The candidates of the race: half decades, without the published 0.0001, at which σ and the weights hardly move in
  /// the published number of steps.
  public static let racedLearningRates = [0.1, 0.03, 0.01, 0.003, 0.001]
  /// The published σ before the first step.
  public static let publishedInitialSigma = 1e-4
  /// The published number of posterior samples of the evidence.
  public static let publishedEvidenceSamples = 10
  /// The published number of steps, for a network of images or of texts; for a name that is not known, which runs
  /// refuse, of images.
  public static func publishedSteps(model: String) -> Int {
    (try? Backbone.named(model))?.modality == .texts ? 12_000 : 6000
  }
  /// The published batch size for N examples.
  public static func publishedBatchSize(for modality: Backbone.Modality, examples: Int) -> Int {
    min(modality == .texts ? 32 : 128, examples)
  }

  /// Lines that say which values differ from those in a run's `config.json`, of those that can change its result.
  ///
  /// Read as it stands, so that of another version's file the differences can be told as well. Where data and weights
  /// lie cannot change a result: ``FineTuner`` compares what they hold. Throws where it is not a JSON object.
  func differences(fromFile content: Data) throws -> [String] {
    var others = try JSON.members(of: content)
    // What runs were from before these options.
    let before = [
      "deterministic": "false", "prior": "\"l2-sp\"", "prior_scales": "\"global\"", "posterior": "\"isotropic\"",
      "likelihood": "\"categorical\"", "samples": "1", "antithetic": "false", "draw_statistics": "\"mean\"",
      "evidence_samples": "10",
      "head_initialization": "\"uniform\"", "objective": "\"de-elbo\"", "train": "\"all\"",
    ]
    others.merge(before) { there, _ in there }
    return try JSON.members(of: JSON.document(self)).differences(from: others, ignoring: Self.withoutEffect)
  }

  /// The options that cannot change a result: data and weights are compared by what they hold, wherever they lie.
  package static let withoutEffect: Set = [
    "data", "weights", "vocabulary", "prior_file", "skip_unreadable", "checkpoint_every",
  ]

  /// How the learning rates race on so many examples; nil where they do not.
  func racePlan(trainingExamples: Int) -> RacePlan? {
    guard race == true else { return nil }
    return RacePlan(
      candidates: learningRates.count, steps: steps, batchSize: batchSize, trainingExamples: trainingExamples,
      evidenceSamples: evidenceSamples, statistics: drawStatistics)
  }
}

import Gridless

/// One case's images, and its steps as they are asked for.
final class Workload {
  /// The head's classes; the labels run through them.
  static let classes = 100

  let benchCase: Case
  private let images: ExampleBatches
  private var steps: [String: any TrainingStep] = [:]

  init(_ benchCase: Case, data: String, images count: Int, threads: Int) throws {
    self.benchCase = benchCase
    images = try Self.images(of: data, count: count, size: benchCase.size, threads: threads, device: .cpu)
  }

  /// The first images of a folder, for a device.
  static func images(
    of folder: String, count: Int, size: Int, threads: Int? = nil, device: Device
  ) throws -> ExampleBatches {
    let examples = (try Dataset.open(folder).splits[.train] ?? []).prefix(count).enumerated().map {
      Example(source: $1.source, label: $0 % classes)
    }
    var options = ImageStore.Options()
    if let threads { options.threads = threads }
    return ExampleBatches(
      try ImageStore(examples, preprocessing: Preprocessing(size: size), options: options), device: device)
  }

  /// The step of a mode, which goes on where it was.
  func step(_ mode: Mode, precision: String) throws -> any TrainingStep {
    let key = "\(mode) \(precision)"
    if let step = steps[key] { return step }
    let parts = try BenchParts(benchCase, precision: precision, device: .cpu)
    let batches = TrainingBatches(images: images, size: benchCase.batch)
    let step: any TrainingStep =
      switch mode {
      case .elbo: try BenchStep(parts, batches: batches)
      case .map: try BenchStep(parts, batches: batches, weightDecay: 1e-4)
      case .profile: try ProfiledStep(parts, batches: batches)
      case .careful: throw BenchError.impossible("mode careful: only the peer has it.")
      }
    steps[key] = step
    return step
  }
}

/// A case's network with random weights.
struct BenchParts {
  let model: Model
  /// Its parameters.
  let mean: Tensor

  init(_ benchCase: Case, precision: String, device: Device) throws {
    guard let precision = ParameterVector.Precision(rawValue: precision) else {
      throw BenchError.impossible("precision \(precision): expected fp32 or bf16.")
    }
    let network = try Backbone.named(benchCase.model).makeNetwork(classes: Workload.classes, size: benchCase.size)
    let state = network.initialState(seed: 0)
    model = try Model(network: network, state: state, device: device, precision: precision)
    mean = try Tensor(network.layout.vector(state.parameters), shape: [network.layout.paddedCount]).to(device: device)
  }

  /// DE-ELBO's objective and posterior, or where a weight decay is given those of MAP.
  func objective(weightDecay: Double?, examples: Int) throws -> (DataEmphasizedELBO, GaussianPosterior) {
    let (layout, blocks) = (model.network.layout, model.vector.blocks)
    guard let weightDecay else {
      // σ as it is after the first steps of a run, when all that bfloat16 serves is read in it.
      return (
        .l2SP(layout: layout, pretrained: try mean.clone(), examples: examples),
        try GaussianPosterior(mean: mean, blocks: blocks, sigma: 4e-3)
      )
    }
    let variance = 1 / (weightDecay * Double(examples))
    let point = try GaussianPosterior(mean: mean, blocks: blocks, sigma: 0)
    point.isLearned = false
    let prior = Prior(lambda: variance, tau: variance)
    return (DataEmphasizedELBO(layout: layout, examples: examples, kappa: 1, prior: prior), point)
  }
}

/// A training step with its data; returns its loss.
protocol TrainingStep: AnyObject {
  func callAsFunction() throws -> Double
}

/// What all steps share: no step diverges at it, and time does not depend on it.
let benchLearningRate = 0.01

/// An endless stream of augmented batches, as `gridless finetune` takes them.
struct TrainingBatches {
  let images: ExampleBatches
  let size: Int
  private var order: BatchOrder
  private(set) var step = 0

  init(images: ExampleBatches, size: Int) {
    (self.images, self.size) = (images, size)
    order = BatchOrder(count: images.count, seed: 0)
  }

  var count: Int { images.count }

  mutating func next() throws -> Batch {
    defer { step += 1 }
    return try images.batch(order.indices(step: step, batchSize: size), augmentation: Augmentation(seed: 0))
  }
}

/// A step of `gridless finetune`, or where a weight decay is given of `gridless finetune --objective map`, which a grid
/// search repeats: the same without noise and KL.
final class BenchStep: TrainingStep {
  private let takeStep: VariationalStep
  private let posterior: GaussianPosterior
  private let optimizer: NesterovSGD
  private var batches: TrainingBatches

  init(_ parts: BenchParts, batches: TrainingBatches, weightDecay: Double? = nil) throws {
    let objective: DataEmphasizedELBO
    (objective, posterior) = try parts.objective(weightDecay: weightDecay, examples: batches.count)
    takeStep = VariationalStep(model: parts.model, objective: objective)
    optimizer = try NesterovSGD(for: posterior)
    self.batches = batches
  }

  func callAsFunction() throws -> Double {
    let draws = NormalDraws(seed: 0, step: UInt64(batches.step))
    let (images, labels) = try batches.next()
    return try takeStep(
      inputs: images, targets: labels, draws: draws, posterior: posterior, optimizer: optimizer,
      learningRate: benchLearningRate, rhoLearningRate: benchLearningRate
    ).terms.loss
  }
}

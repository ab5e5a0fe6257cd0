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
    let examples = (try Dataset.open(data).splits[.train] ?? []).prefix(count).enumerated().map {
      Example(source: $1.source, label: $0 % Self.classes)
    }
    images = ExampleBatches(
      try ImageStore(
        examples, preprocessing: Preprocessing(size: benchCase.size), options: ImageStore.Options(threads: threads)),
      device: .cpu)
  }

  /// The step of a mode, which goes on where it was.
  func step(_ mode: Mode, precision: String) throws -> any TrainingStep {
    guard let precision = ParameterVector.Precision(rawValue: precision) else {
      throw BenchError.impossible("precision \(precision): expected fp32 or bf16.")
    }
    let key = "\(mode) \(precision)"
    if let step = steps[key] { return step }
    let network = try Backbone.named(benchCase.model).makeNetwork(classes: Self.classes)
    let state = network.initialState(seed: 0)
    let model = try Model(network: network, state: state, device: .cpu, precision: precision)
    let mean = try Tensor(network.layout.vector(state.parameters), shape: [network.layout.paddedCount])
    let batches = TrainingBatches(images: images, size: benchCase.batch)
    let step: any TrainingStep =
      switch mode {
      case .elbo: try BenchStep(model: model, mean: mean, batches: batches)
      case .map: try BenchStep(model: model, mean: mean, batches: batches, weightDecay: 1e-4)
      case .profile: try ProfiledStep(model: model, mean: mean, batches: batches)
      case .careful: throw BenchError.impossible("mode careful: only the peer has it.")
      }
    steps[key] = step
    return step
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

  mutating func next() throws -> (images: Tensor, labels: Tensor) {
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

  init(model: Model, mean: Tensor, batches: TrainingBatches, weightDecay: Double? = nil) throws {
    let layout = model.network.layout
    if let weightDecay {
      let variance = 1 / (weightDecay * Double(batches.count))
      takeStep = VariationalStep(
        model: model,
        objective: DataEmphasizedELBO(
          layout: layout, examples: batches.count, kappa: 1, prior: Prior(lambda: variance, tau: variance)))
      posterior = try GaussianPosterior(mean: mean, blocks: model.vector.blocks, sigma: 0)
      posterior.isLearned = false
    } else {
      takeStep = VariationalStep(
        model: model, objective: .l2SP(layout: layout, pretrained: try mean.clone(), examples: batches.count))
      // σ as it is after the first steps of a run, when all that bfloat16 serves is read in it.
      posterior = try GaussianPosterior(mean: mean, blocks: model.vector.blocks, sigma: 4e-3)
    }
    optimizer = try NesterovSGD(for: posterior)
    self.batches = batches
  }

  func callAsFunction() throws -> Double {
    let draws = NormalDraws(seed: 0, step: UInt64(batches.step))
    let (images, labels) = try batches.next()
    return try takeStep(
      images: images, labels: labels, draws: draws, posterior: posterior, optimizer: optimizer,
      learningRate: benchLearningRate, rhoLearningRate: benchLearningRate
    ).terms.loss
  }
}

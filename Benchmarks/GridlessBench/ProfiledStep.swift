import Gridless

/// The parts of `VariationalStep`, one after the other, each timed.
final class ProfiledStep: TrainingStep {
  /// The parts in their order.
  static let parts = ["data", "sampling", "forward", "backward", "KL and gradient", "clip and update"]

  /// Seconds of each part in each step.
  private(set) var seconds: [String: [Double]] = [:]

  private let model: Model
  private let objective: DataEmphasizedELBO
  private let posterior: GaussianPosterior
  private let optimizer: NesterovSGD
  private var batches: TrainingBatches

  init(_ parts: BenchParts, batches: TrainingBatches) throws {
    model = parts.model
    (objective, posterior) = try parts.objective(weightDecay: nil, examples: batches.count)
    optimizer = try NesterovSGD(for: posterior)
    self.batches = batches
  }

  /// Forgets what was measured.
  func clear() { seconds = [:] }

  func callAsFunction() throws -> Double {
    let draws = NormalDraws(seed: 0, step: UInt64(batches.step))
    let (images, labels) = try timed("data") { try batches.next() }
    let vector = model.vector
    let divergences = try timed("sampling") { try objective.sample(posterior, .drawn(draws), into: vector) }
    let nll = try timed("forward") { try model(images, mode: .training()).crossEntropy(labels) }
    try timed("backward") { try nll.backward() }
    let gradient = try timed("KL and gradient") {
      try objective.gradient(nll: nll.item(), at: .drawn(draws), of: posterior, divergences, in: vector)
    }
    _ = try timed("clip and update") {
      try optimizer.step(
        posterior, gradient, in: vector, learningRate: benchLearningRate, rhoLearningRate: benchLearningRate)
    }
    return gradient.terms.loss
  }

  private func timed<Value>(_ part: String, _ body: () throws -> Value) rethrows -> Value {
    let clock = ContinuousClock()
    let start = clock.now
    defer { seconds[part, default: []].append((clock.now - start) / .seconds(1)) }
    return try body()
  }
}

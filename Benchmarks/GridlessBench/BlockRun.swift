import Gridless

/// Blocks of steps of one network on a device.
final class BlockRun {
  let posterior: GaussianPosterior
  private(set) var notes: [String] = []
  private let length: Int
  private let images: ExampleBatches
  private let batchSize: Int
  private let blocks: DeviceBlocks
  private var order: BatchOrder
  private var done = 0

  /// DE-ELBO's steps, or where a weight decay is given MAP's; ε comes from the device's generator unless `draw` is
  /// given.
  init(
    _ parts: BenchParts, images: ExampleBatches, batch: Int, weightDecay: Double? = nil, length: Int,
    recorder: CUDAGraphs?, draw: @escaping (Tensor) throws -> Void = { try $0.normal_() }
  ) throws {
    (self.length, self.images, batchSize) = (length, images, batch)
    order = BatchOrder(count: images.count, seed: 0)
    let objective: DataEmphasizedELBO
    (objective, posterior) = try parts.objective(weightDecay: weightDecay, examples: images.count)
    guard let batches = images.deviceBatches,
      let step = try DeviceStep(
        model: parts.model, objective: objective, posterior: posterior, optimizer: NesterovSGD(for: posterior),
        capacity: length, batchSize: batch, itemWidth: batches.itemWidth, input: { try batches.batch($0) }, draw: draw)
    else { throw BenchError.impossible("the images do not fit on the device.") }
    blocks = DeviceBlocks(step, posterior: posterior, vector: parts.model.vector, seed: 0, recorder: recorder)
  }

  /// Seconds a step of the next block, and its last loss.
  @discardableResult
  func callAsFunction() throws -> (seconds: Double, loss: Double) {
    let plan = (done..<done + length).map { step in
      DeviceStep.Plan(
        learningRate: benchLearningRate, rhoLearningRate: benchLearningRate,
        items: images.deviceBatches?.items(
          order.indices(step: step, batchSize: batchSize), augmentation: Augmentation(seed: 0)) ?? [])
    }
    let clock = ContinuousClock()
    let start = clock.now
    let outcomes = try blocks.run(plan, from: done)
    let seconds = (clock.now - start) / .seconds(1)
    done += length
    notes += blocks.takeNotes()
    guard let last = outcomes.last, last.isApplied else { throw BenchError.impossible("a step diverged.") }
    return (seconds / Double(length), last.terms.loss)
  }
}

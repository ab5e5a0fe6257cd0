import Backbones
import Datasets
import Evidence
import Foundation
import TestSupport
import Testing
import Torch
import Training

/// Steps of a network of which only a part is trained.
@Suite struct TrainedPartStepTests {
  init() throws { try Runtime.setThreads(1) }

  private struct Side {
    let model: Model
    let state: StateDict
    let posterior: GaussianPosterior
    let objective: DataEmphasizedELBO
    let optimizer: NesterovSGD

    init(_ part: TrainedPart, dtype: DType = .float32) throws {
      let network = try Backbone.named("resnet8").makeNetwork(classes: 3, training: part)
      var state = network.initialState(seed: 1)
      // Statistics that no batch has.
      state.buffers = network.buffers.slices.map { Formula.state($0.name, shape: $0.shape).map(Float.init) }
      model = try Model(network: network, state: state, device: .cpu, dtype: dtype)
      self.state = state
      let layout = network.layout
      let start = try Tensor(layout.vector(state.parameters), shape: [layout.paddedCount]).to(dtype: dtype)
      objective = .l2SP(layout: layout, pretrained: start, examples: 12)
      posterior = try GaussianPosterior(mean: try start.clone(), blocks: model.vector.blocks, sigma: 1e-2)
      optimizer = try NesterovSGD(for: posterior)
    }

    func step(_ number: Int, inputs: Tensor, targets: Tensor) throws -> VariationalStep.Outcome {
      try VariationalStep(model: model, objective: objective)(
        inputs: inputs.to(dtype: posterior.mean.dtype), targets: targets,
        draws: NormalDraws(seed: 3, step: UInt64(number)), posterior: posterior, optimizer: optimizer,
        learningRate: 0.02, rhoLearningRate: 0.1)
    }
  }

  private func batches() throws -> ExampleBatches {
    let examples = (0..<12).map { index in
      let bytes = Formula.hashes("image \(index)", count: 3 * 20 * 20).map { UInt8(truncatingIfNeeded: $0 >> 32) }
      return Example(source: .pixels(RGBImage(height: 20, width: 20, pixels: bytes)), label: index % 3)
    }
    return ExampleBatches(
      try ImageStore(examples, preprocessing: Preprocessing(size: 16, resizeSize: 16)), device: .cpu)
  }

  private func items(_ step: Int) -> [(index: Int, epoch: Int)] { (0..<5).map { ((5 * step + $0) % 12, 0) } }

  /// Frozen parameters and statistics keep their bits, through steps and re-estimation; everything else moves.
  ///
  /// In float64 the passes are other ones.
  @Test(arguments: [TrainedPart.from("layer3"), .from("layer2.0.conv2"), .head], [DType.float32, .float64])
  func frozenIsFrozen(part: TrainedPart, dtype: DType) throws {
    let side = try Side(part, dtype: dtype)
    let data = try batches()
    let layout = side.model.network.layout
    for step in 0..<4 {
      let (inputs, targets) = try data.batch(items(step), augmentation: nil)
      #expect(try side.step(step, inputs: inputs, targets: targets).isApplied)
    }
    if dtype == .float32 {
      try side.model.reestimateBatchNorm(on: data, batchSize: 5, seed: 1)
    }
    let vectors = try [side.posterior.mean, side.model.vector.weights].map { layout.values(ofVector: try $0.floats()) }
    let velocities = layout.values(ofVector: try side.optimizer.velocity.floats())
    for (index, slice) in layout.slices.enumerated() {
      for vector in vectors { #expect((vector[index] == side.state.parameters[index]) == (slice.group == .frozen)) }
      #expect(velocities[index].allSatisfy { $0 == 0 } == (slice.group == .frozen), "\(slice.name)")
      let leaf = side.model.vector.leaves[index]
      #expect(try leaf.requiresGrad == (slice.group != .frozen) && (leaf.grad() != nil) == leaf.requiresGrad)
    }
    for (index, buffer) in side.model.buffers.enumerated() {
      let isFrozen = index < side.model.network.buffers.frozenSliceCount
      #expect(try (buffer.floats() == side.state.buffers[index]) == isFrozen)
    }
  }

  /// The noise of a parameter does not depend on what is frozen, and what is frozen has none.
  @Test func noiseIsThatOfTheWholeNetwork() throws {
    let (whole, part) = (try Side(.all), try Side(.from("layer3")))
    let draws = NormalDraws(seed: 8, step: 2)
    try whole.objective.sample(whole.posterior, .drawn(draws), into: whole.model.vector)
    try part.objective.sample(part.posterior, .drawn(draws), into: part.model.vector)
    let layout = part.model.network.layout
    let (a, b) = (try whole.model.vector.weights.floats(), try part.model.vector.weights.floats())
    let start = try part.posterior.mean.floats()
    #expect(a[layout.backboneRange.lowerBound...] == b[layout.backboneRange.lowerBound...])
    #expect(b[layout.frozenRange] == start[layout.frozenRange])
    #expect(a[layout.frozenRange] != start[layout.frozenRange])
  }

  /// D, κ and the KL are of what is trained.
  @Test func objectiveIsOfTheTrainedPart() throws {
    let side = try Side(.head)
    let head = 3 * 65
    #expect(side.objective.kappa == Double(head) / 12)
    let divergences = try side.objective.sample(
      side.posterior, .drawn(NormalDraws(seed: 8, step: 2)), into: side.model.vector)
    #expect(divergences.lambda == nil && divergences.blocks.map(\.part) == [.head])
    let squares = side.state.parameters.suffix(2).joined().reduce(0) { $0 + Double($1) * Double($1) }
    let expected = 0.5 * Double(head) * log1p(squares / (Double(head) * 1e-4))
    #expect(abs(divergences.kl / expected - 1) < 1e-9)
    // Of so many examples κ is less than 1.
    #expect(DataEmphasizedELBO.l2SP(layout: side.model.network.layout, pretrained: nil, examples: 1950).kappa == 0.1)
  }

  /// Features that were computed once give the losses of features that are computed in each step.
  @Test(arguments: [TrainedPart.from("layer3"), .from("layer2.0.conv2"), .head])
  func cachedFeaturesChangeNoStep(part: TrainedPart) throws {
    let (plain, cached) = (try Side(part), try Side(part))
    let images = try batches()
    var features = images
    try features.cacheFeatures(of: cached.model, batchSize: 7)
    cached.model.firstStage = cached.model.network.frozenStageCount
    for step in 0..<4 {
      let (a, labels) = try images.batch(items(step), augmentation: nil)
      let (b, sameLabels) = try features.batch(items(step), augmentation: Augmentation(seed: 1, kind: .none))
      #expect(a.shape != b.shape)
      #expect(try labels.int64s() == sameLabels.int64s())
      let expected = try plain.step(step, inputs: a, targets: labels)
      let found = try cached.step(step, inputs: b, targets: labels)
      #expect(abs(found.terms.loss / expected.terms.loss - 1) < 1e-5)
      #expect(abs(found.gradientNorm / expected.gradientNorm - 1) < 1e-4)
    }
    let metrics = (
      try plain.model.metrics(of: images, batchSize: 5), try cached.model.metrics(of: features, batchSize: 5)
    )
    #expect(abs(metrics.0.nll / metrics.1.nll - 1) < 1e-5)
  }
}

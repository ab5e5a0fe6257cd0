import Backbones
import Datasets
import Evidence
import Foundation
import TestSupport
import Testing
import Torch
import Training

/// A small network and images made from formulas.
private struct Bench {
  let network: Network
  let state: StateDict
  let data: ImageBatches

  init(count: Int = 12) throws {
    network = try Backbone.named("resnet8").makeNetwork(classes: 3)
    state = network.initialState(seed: 1)
    let examples = (0..<count).map { index in
      let bytes = Formula.hashes("image \(index)", count: 3 * 20 * 20).map { UInt8(truncatingIfNeeded: $0 >> 32) }
      return Example(source: .pixels(RGBImage(height: 20, width: 20, pixels: bytes)), label: index % 3)
    }
    data = ImageBatches(
      try ImageStore(examples, preprocessing: Preprocessing(size: 16, resizeSize: 16)), device: .cpu)
  }

  /// The network at the state's weights.
  func model() throws -> Model {
    try Model(network: network, state: state, device: .cpu)
  }

  func weights() throws -> Tensor {
    try Tensor(network.layout.vector(state.parameters), shape: [network.layout.paddedCount])
  }
}

@Suite struct BatchNormStatisticsTests {
  /// In one batch, the first BatchNorm's statistics are those of the first convolution's outputs, from a float64 sum.
  @Test func oneBatchGivesTheExactStatistics() throws {
    let bench = try Bench()
    let model = try bench.model()
    // What training left behind must not matter.
    for buffer in model.buffers { try buffer.copy_(Tensor.full(buffer.shape, 7)) }
    try model.reestimateBatchNorm(on: bench.data, batchSize: 12, seed: 1)

    let (images, _) = try bench.data.batch((0..<12).map { (index: $0, epoch: 0) }, augmentation: nil)
    let slice = try #require(bench.network.layout.slices.first)
    let kernel = try Tensor(bench.state.parameters[0], shape: slice.shape).to(dtype: .float64)
    let outputs = try images.to(dtype: .float64).conv2d(kernel, padding: 1).permute([1, 0, 2, 3]).contiguous()
    let channels = outputs.shape[0]
    let values = try outputs.doubles()
    let count = values.count / channels
    let (means, variances) = (try model.buffers[0].doubles(), try model.buffers[1].doubles())
    for channel in 0..<channels {
      let channelValues = values[channel * count..<(channel + 1) * count]
      let mean = channelValues.reduce(0, +) / Double(count)
      let variance = channelValues.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count - 1)
      #expect(abs(means[channel] - mean) < 1e-6)
      #expect(abs(variances[channel] / variance - 1) < 1e-5)
    }
  }

  /// Over several batches the statistics are the batches' average, each weighted by its size.
  @Test func batchesAreAveraged() throws {
    let bench = try Bench(count: 11)
    let model = try bench.model()
    try model.reestimateBatchNorm(on: bench.data, batchSize: 4, seed: 5)
    let found = try model.bufferCopies()
    var order = BatchOrder(count: 11, seed: 5)
    let items = order.indices(step: 0, batchSize: 11)
    var expected = [Double](repeating: 0, count: found[0].count)
    for range in [0..<3, 3..<7, 7..<11] {
      let (images, _) = try bench.data.batch(Array(items[range]), augmentation: nil)
      _ = try withoutGrad { try model(images, mode: .training(momentum: 1)) }
      for (index, value) in try model.buffers[0].doubles().enumerated() {
        expected[index] += value * Double(range.count) / 11
      }
    }
    #expect(Golden.relativeError(try found[0].doubles(), expected) < 1e-6)
  }
}

@Suite struct EvidenceEstimateTests {
  /// With a σ that changes nothing, the expectation is the log likelihood at the mean; the rest are identities.
  @Test func agreesWithTheLogLikelihoodAtTheMean() throws {
    let bench = try Bench()
    let model = try bench.model()
    let posterior = try GaussianPosterior(mean: try bench.weights(), blocks: model.vector.blocks, sigma: 1e-9)
    let objective = DataEmphasizedELBO.l2SP(
      layout: bench.network.layout, pretrained: nil, examples: 12, kappa: 3)
    let estimate = try model.estimateEvidence(
      objective, posterior: posterior, on: bench.data, seed: 1, samples: 2,
      batchSize: 5)
    let rows = try bench.model().logProbabilities(of: bench.data, batchSize: 12)
    let expected = bench.data.images.labels.enumerated().reduce(0) { $0 + rows[3 * $1.offset + $1.element] }
    #expect(abs(estimate.logLikelihood / expected - 1) < 1e-5)
    #expect(estimate.elbo == 3 * estimate.logLikelihood - estimate.kl)
    #expect(abs(estimate.loss + estimate.elbo / 36) < 1e-12 * abs(estimate.loss))
  }

  /// The expectation is a mean over samples: twice the samples, drawn as one and as two halves.
  @Test func samplesAreAveraged() throws {
    let bench = try Bench()
    let model = try bench.model()
    let layout = bench.network.layout
    let posterior = try GaussianPosterior(mean: try bench.weights(), blocks: model.vector.blocks, sigma: 0.02)
    let objective = DataEmphasizedELBO.l2SP(layout: layout, pretrained: nil, examples: 12)
    let estimate = try model.estimateEvidence(
      objective, posterior: posterior, on: bench.data, seed: 9, samples: 3, batchSize: 12)
    var sum = 0.0
    for sample in 0..<3 {
      try objective.sample(posterior, .drawn(NormalDraws(seed: 9, step: UInt64(sample))), into: model.vector)
      let rows = try model.logProbabilities(of: bench.data, batchSize: 12)
      sum += bench.data.images.labels.enumerated().reduce(0) { $0 + rows[3 * $1.offset + $1.element] }
    }
    #expect(abs(estimate.logLikelihood / (sum / 3) - 1) < 1e-6)
  }
}

@Suite struct BalancedExamplesTests {
  /// Each class has its share, in every batch, and the seed decides which examples they are.
  @Test func aPartHasAllClassesInTheirShares() throws {
    let data = try Bench(count: 30).data
    func labels(_ count: Int, seed: UInt64) throws -> [Int64] {
      let part = data.balanced(count, seed: seed)
      #expect(part.count == count)
      var found: [Int64] = []
      try part.forEachEvaluationBatch(atMost: 6) { _, labels in found += try labels.doubles().map(Int64.init) }
      return found
    }
    let found = try labels(12, seed: 3)
    for batch in [found[..<6], found[6...]] {
      for label in 0..<3 as Range<Int64> { #expect(batch.count { $0 == label } == 2) }
    }
    func pixels(_ seed: UInt64) throws -> [Double] {
      var sums: [Double] = []
      try data.balanced(12, seed: seed).forEachEvaluationBatch(atMost: 12) { images, _ in sums = try images.doubles() }
      return sums
    }
    #expect(try pixels(3) == pixels(3))
    #expect(try pixels(3) != pixels(4))
  }

  /// Over a part, the log likelihood stands for the whole set's.
  @Test func theEvidenceOfAPartIsScaledUp() throws {
    let bench = try Bench(count: 30)
    let model = try bench.model()
    let objective = DataEmphasizedELBO.l2SP(layout: bench.network.layout, pretrained: nil, examples: 30)
    let part = bench.data.balanced(10, seed: 1)
    let posterior = IsotropicPosterior(mean: try bench.weights(), sigma: 1e-9)
    let found = try model.estimateEvidence(objective, posterior: posterior, on: part, seed: 1, samples: 1, batchSize: 5)
    var sum = 0.0
    try model.vector.set(posterior.mean)
    try withoutGrad {
      try part.forEachEvaluationBatch(atMost: 10) { images, labels in
        sum += try model(images, mode: .evaluation).logLikelihood(labels).sum().item()
      }
    }
    #expect(abs(found.logLikelihood / (3 * sum) - 1) < 1e-5)
  }
}

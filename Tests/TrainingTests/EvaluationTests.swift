import Backbones
import Datasets
import Evidence
import Foundation
import TestSupport
import Testing
import Torch
import Training

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
      objective, posterior: posterior, on: bench.data, seed: 1, samples: 2, batchSize: 5, statistics: .mean)
    let rows = try bench.model().logProbabilities(of: bench.data, batchSize: 12)
    let expected = bench.data.labels.enumerated().reduce(0) { $0 + rows[3 * $1.offset + $1.element] }
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
      objective, posterior: posterior, on: bench.data, seed: 9, samples: 3, batchSize: 12, statistics: .mean)
    var sum = 0.0
    for sample in 0..<3 {
      try objective.sample(posterior, .drawn(NormalDraws(seed: 9, step: UInt64(sample))), into: model.vector)
      let rows = try model.logProbabilities(of: bench.data, batchSize: 12)
      sum += bench.data.labels.enumerated().reduce(0) { $0 + rows[3 * $1.offset + $1.element] }
    }
    #expect(abs(estimate.logLikelihood / (sum / 3) - 1) < 1e-6)
  }
}

/// Draws that have running statistics of their own.
@Suite struct DrawStatisticsTests {
  /// Each draw by hand: weights from ε, statistics from one pass at these weights, log likelihoods by those.
  @Test(arguments: GaussianPosterior.Family.allCases) func ownStatisticsAreThoseOfEachDraw(
    family: GaussianPosterior.Family
  ) throws {
    let bench = try Bench(count: 11)
    let layout = bench.network.layout
    let model = try bench.model(family.division)
    let posterior = try GaussianPosterior(family, mean: bench.weights(), blocks: model.vector.blocks, sigma: 0.05)
    let objective = DataEmphasizedELBO.l2SP(layout: layout, pretrained: nil, examples: 11)
    var found: [[[Double]]] = []
    let estimate = try model.estimateEvidence(
      objective, posterior: posterior, on: bench.data, seed: 9, samples: 3, batchSize: 4, statistics: .own
    ) { found.append(try model.buffers.map { try $0.doubles() }) }

    var (sum, byTheMean) = (0.0, 0.0)
    for sample in 0..<3 {
      let draw = try bench.draw(seed: 9, step: UInt64(sample)) { _ in 0.05 }
      let plain = try bench.model()
      try plain.vector.set(draw)
      func logLikelihood() throws -> Double {
        let rows = try plain.logProbabilities(of: bench.data, batchSize: 11)
        return bench.data.labels.enumerated().reduce(0) { $0 + rows[3 * $1.offset + $1.element] }
      }
      byTheMean += try logLikelihood()
      // The average of the batches' statistics, weighted by their sizes; batches are those of the seed's order.
      var order = BatchOrder(count: 11, seed: 9)
      let items = order.indices(step: 0, batchSize: 11)
      var averages = try plain.buffers.map { [Double](repeating: 0, count: try $0.doubles().count) }
      for range in [0..<3, 3..<7, 7..<11] {
        let (images, _) = try bench.data.batch(Array(items[range]), augmentation: nil)
        _ = try withoutGrad { try plain(images, mode: .training(momentum: 1)) }
        for (place, buffer) in plain.buffers.enumerated() {
          for (index, value) in try buffer.doubles().enumerated() {
            averages[place][index] += value * Double(range.count) / 11
          }
        }
      }
      for (buffer, values) in zip(plain.buffers, averages) { try buffer.copy_(Tensor(values, shape: buffer.shape)) }
      sum += try logLikelihood()
      for (a, b) in zip(found[sample], averages) { #expect(Golden.relativeError(a, b) < 1e-5) }
    }
    #expect(found.count == 3)
    #expect(abs(estimate.logLikelihood / (sum / 3) - 1) < 1e-5)
    #expect(abs(byTheMean / sum - 1) > 1e-2)
  }
}

@Suite struct BalancedExamplesTests {
  /// A part of a part is of that part.
  @Test func aPartOfAPartIsOfThatPart() throws {
    let data = try Bench(count: 30).data
    func images(_ part: ExampleBatches) throws -> [[Double]] {
      var found: [[Double]] = []
      try part.forEachEvaluationBatch(atMost: 1) { images, _ in found.append(try images.doubles()) }
      return found
    }
    let part = data.balanced(12, seed: 3)
    let found = try images(part.balanced(6, seed: 4))
    #expect(found.count == 6)
    let all = try images(part)
    #expect(found.allSatisfy(all.contains))
  }

  /// One example has no batch variance: only batches of at most one hold one.
  @Test(arguments: [
    (5, 2, [2, 3]), (4, 2, [2, 2]), (5, 3, [2, 3]), (5, 1, [1, 1, 1, 1, 1]), (1, 2, [1]), (7, 6, [3, 4]),
  ])
  func noBatchIsOfOneExample(count: Int, most: Int, sizes: [Int]) throws {
    let data = try Bench(count: count).data
    var found: [Int] = []
    try data.forEachEvaluationBatch(atMost: most) { _, labels in found.append(labels.count) }
    #expect(found == sizes)
  }

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
    let posterior = try GaussianPosterior(mean: bench.weights(), blocks: model.vector.blocks, sigma: 1e-9)
    let found = try model.estimateEvidence(
      objective, posterior: posterior, on: part, seed: 1, samples: 1, batchSize: 5, statistics: .mean)
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

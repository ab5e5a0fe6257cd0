import Backbones
import Datasets
import Evidence
import Foundation
import TestSupport
import Testing
import Torch
import Training

/// Averages over draws against plain probabilities of each draw, set by hand.
@Suite struct PosteriorAverageTests {
  private static let samples = 4

  /// A draw that overflows is not lost among those that do not.
  @Test func aDrawWithoutNumbersMakesTheAverageNone() {
    #expect(logAddExp(-1, .nan).isNaN && logAddExp(.nan, -1).isNaN && logAddExp(.nan, -.infinity).isNaN)
    #expect(logAddExp(-.infinity, -.infinity) == -.infinity && logAddExp(-.infinity, -2) == -2)
    #expect(abs(logAddExp(log(0.25), log(0.5)) - log(0.75)) < 1e-15)
  }

  /// A posterior whose σ differs where its family lets it, and that σ by the place in the vector.
  private func posterior(
    _ family: GaussianPosterior.Family, _ bench: Bench, _ model: Model
  ) throws -> (posterior: GaussianPosterior, sigma: [Float]) {
    let posterior = try GaussianPosterior(family, mean: bench.weights(), blocks: model.vector.blocks, sigma: 0.03)
    var sigma = [Float](repeating: 0.03, count: bench.network.layout.paddedCount)
    if family == .layerwise {
      for (place, block) in posterior.blocks.enumerated() {
        let value = 0.01 * Double(1 + place % 5)
        posterior.rho[place] = GaussianPosterior.rho(sigma: value)
        for index in block.range { sigma[index] = Float(value) }
      }
    }
    if let rho = posterior.rhoVector {
      sigma = sigma.indices.map { 0.005 * Float(1 + $0 % 9) }
      let values = sigma.map { GaussianPosterior.rho(sigma: Double($0)) }
      try rho.copy_(Tensor(values, shape: [values.count]))
    }
    return (posterior, sigma)
  }

  /// Statistics that differ by draw.
  private func statistics(_ bench: Bench, _ draw: Int) -> [[Float]] {
    bench.network.buffers.slices.map { slice in
      Formula.state(slice.name, shape: slice.shape).map { Float($0) * (1 + 0.1 * Float(draw)) }
    }
  }

  @Test(arguments: GaussianPosterior.Family.allCases, [false, true])
  func itIsTheMeanOfTheDrawsProbabilities(family: GaussianPosterior.Family, hasStatistics: Bool) throws {
    let bench = try Bench()
    let model = try bench.model(family.division)
    let (posterior, sigma) = try posterior(family, bench, model)
    let buffers = hasStatistics ? (0..<Self.samples).map { statistics(bench, $0) } : []
    let average = PosteriorAverage(posterior, samples: Self.samples, seed: 7, buffers: buffers)
    // What the model has before the average is the mean, and its own statistics.
    try model.setBuffers(bench.network.buffers.tensors(statistics(bench, 9)))
    let (weights, before) = (try model.vector.weights.floats(), try model.buffers.map { try $0.floats() })
    func rows(_ model: Model) throws -> [Double] { try model.logProbabilities(of: bench.data, batchSize: 5) }
    let atTheMean = try rows(model)
    let found = try average.logProbabilities(of: model) { try rows(model) }

    var probabilities = [Double](repeating: 0, count: found.count)
    for sample in 0..<Self.samples {
      let plain = try bench.model()
      try plain.vector.set(bench.draw(seed: 7, step: UInt64(sample)) { sigma[$0] })
      try plain.setBuffers(
        bench.network.buffers.tensors(hasStatistics ? statistics(bench, sample) : statistics(bench, 9)))
      for (index, value) in try rows(plain).enumerated() { probabilities[index] += exp(value) / Double(Self.samples) }
    }
    for (a, b) in zip(found, probabilities) { #expect(abs(exp(a) - b) < 1e-5) }
    // They are probabilities, and others than the mean's.
    for row in stride(from: 0, to: found.count, by: 3) {
      #expect(abs(found[row..<row + 3].reduce(0) { $0 + exp($1) } - 1) < 1e-9)
    }
    #expect(zip(found, atTheMean).contains { abs(exp($0) - exp($1)) > 1e-3 })
    // The mean and its statistics are back, bit for bit.
    #expect(try model.vector.weights.floats() == weights)
    #expect(try model.buffers.map { try $0.floats() } == before)
    #expect(try rows(model) == atTheMean)

    let metrics = try model.metrics(of: bench.data, batchSize: 5, average: average)
    let nll = -bench.data.labels.enumerated().reduce(0) { $0 + found[3 * $1.offset + $1.element] } / 12
    #expect(abs(metrics.nll - nll) < 1e-9)
  }

  /// Probabilities that no double holds are averaged in the logarithm.
  @Test func logarithmsNeitherOverflowNorUnderflow() throws {
    let bench = try Bench()
    let model = try bench.model()
    let average = PosteriorAverage(try posterior(.isotropic, bench, model).posterior, samples: 4)
    var draw = 0
    let found = try average.logProbabilities(of: model) {
      defer { draw += 1 }
      let columns: [[Double]] = [
        [-2000, -2001, -2000, -2003], [0, -.infinity, -.infinity, 0], [0.1, 0.2, 0.3, 0.4].map { log($0) },
      ]
      return [columns[0][draw], columns[1][draw], -.infinity, columns[2][draw]]
    }
    #expect(abs(found[0] - (-2000 + log((2 + exp(-1) + exp(-3)) / 4))) < 1e-12)
    #expect(abs(found[1] - log(0.5)) < 1e-12)
    #expect(found[2] == -.infinity)
    #expect(abs(found[3] - log(0.25)) < 1e-12)
  }

  /// A number's mean and variance over the draws, by plain sums; the variance divides by their number.
  @Test func momentsArePlainOnes() throws {
    let bench = try Bench()
    let model = try bench.model()
    let (posterior, sigma) = try posterior(.isotropic, bench, model)
    let average = PosteriorAverage(posterior, samples: Self.samples, seed: 3)
    func outputs(_ model: Model) throws -> [Double] {
      var values: [Double] = []
      try withoutGrad {
        try bench.data.forEachEvaluationBatch(atMost: 12) { images, _ in
          values += try model(images, mode: .evaluation).doubles()
        }
      }
      return values
    }
    let found = try average.moments(of: model) { try outputs(model) }
    let draws = try (0..<Self.samples).map { sample in
      let plain = try bench.model()
      try plain.vector.set(bench.draw(seed: 3, step: UInt64(sample)) { sigma[$0] })
      return try outputs(plain)
    }
    #expect(found.means.count == 36)
    for index in found.means.indices {
      let values = draws.map { $0[index] }
      let mean = values.reduce(0, +) / 4
      let variance = values.reduce(0) { $0 + $1 * $1 } / 4 - mean * mean
      #expect(abs(found.means[index] - mean) < 1e-5)
      #expect(abs(found.variances[index] - variance) < 1e-5 && found.variances[index] > 0)
    }
  }
}

import Backbones
import Datasets
import Evidence
import Foundation
import TestSupport
import Testing
import Torch
import Training
import Weights

/// Averages of a saved run against its own files: σ, the draws' statistics and their seed.
@Suite struct SavedPosteriorTests {
  init() throws { try Runtime.setThreads(1) }

  /// The mean NLL of a split by plain probabilities of each draw, from what the run's files say.
  private func expected(_ table: TableRun, _ result: FineTuneResult, draws: Int) throws -> Double {
    let saved = try table.saved("run")
    let layout = saved.network.layout
    let file = try DrawsFile(path: table.folder.path("run/posterior.safetensors"), network: saved.network)
    #expect(file.buffers.isEmpty || file.buffers.count == 10)
    var sigma = [Float](repeating: Float(result.sigma), count: layout.paddedCount)
    for slice in layout.slices where file.sigma == nil {
      guard let own = result.sigmaByLayer?[slice.name] else { continue }
      for index in slice.range { sigma[index] = Float(own) }
    }
    sigma = file.sigma ?? sigma
    let data = try table.images(.test, like: saved)
    let mean = layout.vector(saved.state.parameters)
    var probabilities = [Double](repeating: 0, count: data.count)
    for draw in 0..<draws {
      var epsilon = [Float](repeating: 0, count: layout.count)
      epsilon.withUnsafeMutableBufferPointer { NormalDraws(seed: file.seed, step: UInt64(draw)).fill($0, from: 0) }
      let noise = layout.vector(layout.slices.map { Array(epsilon[$0.logicalOffset..<$0.logicalOffset + $0.count]) })
      let weights = mean.indices.map { mean[$0] + sigma[$0] * noise[$0] }
      let model = try saved.model(device: .cpu)
      try model.vector.set(Tensor(weights, shape: [weights.count]))
      if !file.buffers.isEmpty { try model.setBuffers(saved.network.buffers.tensors(file.buffers[draw])) }
      let rows = try model.logProbabilities(of: data, batchSize: 64)
      for (index, label) in data.labels.enumerated() {
        probabilities[index] += exp(rows[3 * index + label]) / Double(draws)
      }
    }
    return -probabilities.reduce(0) { $0 + log($1) } / Double(data.count)
  }

  @Test(arguments: GaussianPosterior.Family.allCases, DrawStatistics.allCases)
  func aRunsAverageIsThatOfItsDraws(family: GaussianPosterior.Family, statistics: DrawStatistics) throws {
    let table = try TableRun()
    let result = try table.run("run") {
      ($0.posterior, $0.drawStatistics, $0.steps, $0.learningRate) = (family, statistics, 60, .fixed(0.1))
      // From here each σ goes its way.
      $0.initialSigma = 2e-2
    }
    let saved = try table.saved("run")
    for draws in [1, 4] {
      let found = try #require(
        try saved.evaluate(data: table.table, split: .test, device: .cpu, average: draws).classification)
      let plain = try expected(table, result, draws: draws)
      #expect(abs(found.nll / plain - 1) < 1e-3, "\(draws) draws: \(found.nll), by hand \(plain)")
    }
    if family != .isotropic {
      let sigmas = try #require(result.sigmaByLayer)
      #expect(Set(sigmas.keys) == Set(saved.network.layout.slices.map(\.name)))
      #expect((sigmas.values.max() ?? 0) > 1.05 * (sigmas.values.min() ?? 0), "every σ is the same")
    } else {
      #expect(result.sigmaByLayer == nil)
    }
  }

  /// A damaged σ is refused: it would make every prediction a NaN.
  @Test(arguments: [Float.nan, -1, .infinity]) func aSigmaWithoutAMeaningIsRefused(value: Float) throws {
    let table = try TableRun()
    _ = try table.run("run") { ($0.posterior, $0.steps) = (.diagonal, 2) }
    let saved = try table.saved("run")
    let path = table.folder.path("run/posterior.safetensors")
    var file = try DrawsFile(path: path, network: saved.network)
    // The vector has input channels last: in logical order its second element is the second channel, 3 × 3 further.
    file.sigma?[1] = value
    try file.write(to: path, network: saved.network)
    let error = #expect(throws: (any Error).self) {
      try saved.evaluate(data: table.table, split: .test, device: .cpu, average: 2)
    }
    #expect("\(error.map { "\($0)" } ?? "")".contains("sigma/conv1.weight[9] is \(value)"))
  }
}

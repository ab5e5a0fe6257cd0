import Backbones
import Datasets
import Foundation
import Testing
import Torch
import Training

/// Averages of a saved run of numbers against its own files: σ, the draws' statistics and their seed, and the noise.
@Suite struct SavedValuesTests {
  private static let (sigma, noise) = (2e-2, 3.0)

  init() throws { try Runtime.setThreads(1) }

  /// The outputs for each example, which is a batch of its own.
  private func outputs(of model: Model, _ data: ExampleBatches) throws -> [Double] {
    try (0..<data.count).map { index in
      let images = try data.batch([(index: index, epoch: 0)], augmentation: nil).inputs
      return try withoutGrad { try model(images, mode: .evaluation).item() }
    }
  }

  /// The prediction is the mean over the draws, and its variance the noise's and that of the draws.
  @Test(arguments: DrawStatistics.allCases)
  func anAverageHasTheNoiseAndTheSpreadOfItsDraws(statistics: DrawStatistics) throws {
    let table = try ValueTable()
    // Both given, and neither small beside the other.
    try FineTuner(
      table.options("run") {
        ($0.sigma, $0.noise) = (Self.sigma, Self.noise)
        ($0.drawStatistics, $0.evidenceSamples) = (statistics, 4)
      }
    ).run()
    let saved = try SavedModel(run: RunFolder(table.folder.path("run")))
    let (files, values) = (Array(table.files.suffix(4)), Array(table.values.suffix(4)))
    let examples = zip(files, values).map { Example(source: .file($0), value: $1) }
    let data = ExampleBatches(
      try ImageStore(examples, preprocessing: #require(saved.preprocessing)), device: .cpu)
    let scale = PlainScale(table.values.prefix(8))
    let draws = try saved.plainDraws(4, sigma: Self.sigma) { scale(try outputs(of: $0, data)) }
    for count in [1, 2, 4] {
      var (means, variances): ([Double], [Double]) = ([], [])
      for example in files.indices {
        let numbers = draws.prefix(count).map { $0[example] }
        let ofDraws = PlainScale(numbers)
        let spread = ofDraws.deviation * ofDraws.deviation
        means.append(ofDraws.mean)
        variances.append(spread + Self.noise * Self.noise)
        // Neither is lost in the sum.
        if count == 4 { #expect(spread > 0.02 && spread < 900, "\(spread)") }
      }
      let predictions = try saved.predictValues(files, device: .cpu, average: count)
      #expect(predictions.map(\.image) == files)
      for (index, prediction) in predictions.enumerated() {
        let found = (prediction.value, prediction.noise)
        #expect(abs(found.0 - means[index]) < 0.01, "\(count) draws: \(found), by hand \(means[index])")
        let deviation = variances[index].squareRoot()
        #expect(abs(found.1 / deviation - 1) < 1e-3, "\(count) draws: \(found), by hand \(deviation)")
      }
      let metrics = try #require(
        try saved.evaluate(data: table.path, split: .test, device: .cpu, average: count).regression)
      let plain = PlainErrors(means, variances: variances, values)
      #expect(metrics.distance(from: plain) < 0.02, "\(count) draws: \(metrics), by hand \(plain)")
    }

    // At the mean there is the noise alone.
    let atTheMean = scale(try outputs(of: saved.model(device: .cpu), data))
    for (prediction, value) in zip(try saved.predictValues(files, device: .cpu), atTheMean) {
      #expect(abs(prediction.value - value) < 0.01 && abs(prediction.noise / Self.noise - 1) < 1e-9)
    }
  }
}

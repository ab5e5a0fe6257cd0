import Datasets
import Foundation
import Testing
import Torch
import Training

/// A folder with 8 × 8 images of three classes in the layout of the digits' table, and runs on it.
struct TableRun {
  let folder = ScratchFolder()
  var table: String { folder.path("table.csv") }

  init(images: Int = 60) throws {
    let rows = (0..<images).map { image in
      let pixels = (0..<64).map { "\(($0 * (image % 3 + 2) + image * 5) % 17)" }
      return (pixels + ["\(image % 3)"]).joined(separator: ",")
    }
    try rows.joined(separator: "\n").write(toFile: table, atomically: true, encoding: .utf8)
  }

  /// Options of a short run of a small network, from scratch.
  func options(_ out: String, _ change: (inout FineTuneOptions) -> Void = { _ in }) -> FineTuneOptions {
    var options = FineTuneOptions(data: table, model: "resnet8", weights: nil, out: folder.path(out))
    (options.size, options.steps, options.batchSize, options.learningRate) = (16, 13, 8, .fixed(0.02))
    (options.device, options.threads, options.initialSigma) = (.cpu, 1, 2e-3)
    options.augmentation = .none
    change(&options)
    return options
  }

  func run(_ out: String, _ change: (inout FineTuneOptions) -> Void = { _ in }) throws -> FineTuneResult {
    try FineTuner(options(out, change)).run()
  }

  func saved(_ out: String) throws -> SavedModel { try SavedModel(run: RunFolder(folder.path(out))) }

  /// A split's images, preprocessed as a run's.
  func images(_ split: Split, like saved: SavedModel) throws -> ExampleBatches {
    let examples = try Dataset.open(table, options: Dataset.Options()).splits[split] ?? []
    return ExampleBatches(try ImageStore(examples, preprocessing: #require(saved.preprocessing)), device: .cpu)
  }

  /// The steps of a run's `metrics.jsonl`.
  func steps(_ out: String) -> [(step: Int, lr: Double)] {
    RunFolder(folder.path(out)).readMetrics().compactMap { line in
      guard line.event == "step", let step = line.step, let lr = line.lr else { return nil }
      return (step: step, lr: lr)
    }
  }
}

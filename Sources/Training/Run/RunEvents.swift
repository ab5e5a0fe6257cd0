import Foundation
import TensorBoard

/// A run's file for TensorBoard: what `metrics.jsonl` tells, with the times at which it was told, and the result.
///
/// With one learning rate its steps have the tags `train/…`; of several each has its own, `lr=0.01/…`, and the one that
/// is taken gets the tags `train/…` at the end, so that runs can be compared.
///
/// A run that goes on cuts the file as it cuts `metrics.jsonl`. A record's size is a matter of its tags and its step,
/// so a TensorBoard that watches finds the records again where they were.
final class RunEvents {
  private let file: AppendedFile
  private let configuration: FineTuneConfiguration

  /// The file's length.
  var bytes: Int { file.bytes }

  /// Goes on behind the first `bytes` of the file; where it has not so many, or nil is given, it is made from the run's
  /// `metrics.jsonl`, which is cut already.
  init(_ run: RunFolder, keeping bytes: Int?, configuration: FineTuneConfiguration) throws {
    self.configuration = configuration
    let size = (try? FileManager.default.attributesOfItem(atPath: run.events)[.size] as? Int) ?? 0
    let kept = bytes.flatMap { $0 <= size ? $0 : nil } ?? 0
    file = try AppendedFile(path: run.events, keeping: kept)
    guard kept == 0 else { return }
    let now = Date().timeIntervalSince1970
    let hyperparameters = configuration.hyperparameters
    try append(Event.fileVersion(wallTime: now))
    try append(
      0,
      [
        .experiment(hyperparameters: hyperparameters, metrics: Self.metrics),
        .sessionStart(hyperparameters: hyperparameters, time: now),
      ])
    for line in run.readMetrics() { try append(line) }
  }

  /// Tells a line of `metrics.jsonl`.
  func append(_ line: MetricsLine) throws {
    let prefix = configuration.learningRates.count == 1 ? "train" : line.candidate.map { "lr=\($0)" } ?? "train"
    try append(line, prefix: prefix)
  }

  private func append(_ line: MetricsLine, prefix: String) throws {
    let numbers: [(String, Double?)] =
      switch line.event {
      case "step":
        [
          ("loss", line.loss), ("nll", line.nll), ("regularizer", line.regularizer), ("lambda", line.lambda),
          ("tau", line.tau), ("sigma", line.sigma), ("learning_rate", line.lr), ("gradient_norm", line.gradientNorm),
          ("noise", line.noise),
        ]
      case "rung": [("race/loss", line.loss), ("race/nll", line.nll), ("race/sigma", line.sigma)]
      default: [("final_loss", line.loss)]
      }
    let values = numbers.compactMap { name, number in number.map { SummaryValue.scalar("\(prefix)/\(name)", $0) } }
    if !values.isEmpty { try append(line.step ?? configuration.steps, values) }
  }

  /// Tells the result: its numbers, the reliability diagram, and that the run is done; forces the file to disk.
  func finish(_ result: FineTuneResult, metrics lines: [MetricsLine]) throws {
    if configuration.learningRates.count > 1 {
      for line in lines where line.event == "step" && line.candidate == result.lr { try append(line, prefix: "train") }
    }
    let numbers: [(String, Double?)] = [
      ("result/learning_rate", result.lr), ("result/loss", result.loss), ("result/lambda", result.lambda),
      ("result/tau", result.tau), ("result/sigma", result.sigma), ("result/kappa", result.kappa),
      ("result/seconds", result.seconds), ("result/noise", result.noise),
      ("test/accuracy", result.test?.accuracy), ("test/balanced_accuracy", result.test?.balancedAccuracy),
      ("test/nll", result.test?.nll ?? result.testRegression?.nll), ("test/ece", result.test?.ece),
      ("test/brier", result.test?.brier), ("test/rmse", result.testRegression?.rmse),
      ("test/mae", result.testRegression?.mae), ("test/r2", result.testRegression?.r2),
    ]
    var values = numbers.compactMap { tag, number in number.map { SummaryValue.scalar(tag, $0) } }
    if let bins = result.test?.reliability {
      let image = ReliabilityImage(bins).image
      if let png = image.png() {
        values.append(.image("test/reliability", png: png, width: image.width, height: image.height))
      }
    }
    try append(configuration.steps, values)
    try append(configuration.steps, [.sessionEnd(time: Date().timeIntervalSince1970)])
    try sync()
  }

  /// Forces the file to disk, as a checkpoint refers to its length.
  func sync() throws { try file.sync() }

  private func append(_ step: Int, _ values: [SummaryValue]) throws {
    try append(Event(wallTime: Date().timeIntervalSince1970, step: step, values: values))
  }

  private func append(_ event: Event) throws { try file.append(Data(event.record)) }

  /// What the HParams tab compares runs by.
  private static let metrics: [(tag: String, name: String)] = [
    ("test/balanced_accuracy", "balanced accuracy"), ("test/nll", "test NLL"), ("test/rmse", "test RMSE"),
    ("result/loss", "training objective's loss"), ("result/seconds", "seconds"),
  ]
}

extension FineTuneConfiguration {
  /// What TensorBoard's HParams tab tells of a run: what was chosen, without paths.
  fileprivate var hyperparameters: [String: Hyperparameter] {
    var hyperparameters: [String: Hyperparameter] = [
      "model": .text(model), "steps": .number(Double(steps)),
      "batch_size": .number(Double(batchSize)), "augmentation": .text(augmentation.rawValue),
      "prior": .text(prior.rawValue), "posterior": .text(posterior.rawValue), "seed": .number(Double(seed)),
      "kappa": kappaHyperparameter, "precision": .text(precision.rawValue),
      "learning_rate": learningRates.count == 1
        ? .number(learningRates[0]) : .text("\(race == true ? "race of" : "grid of") \(learningRates.count)"),
    ]
    if let size { hyperparameters["size"] = .number(Double(size)) }
    if let maxTokens { hyperparameters["max_tokens"] = .number(Double(maxTokens)) }
    if let n { hyperparameters["n"] = .number(Double(n)) }
    for (name, value) in [("lambda", lambda), ("tau", tau), ("sigma", sigma)] {
      if let value { hyperparameters[name] = .number(value) }
    }
    return hyperparameters
  }

  private var kappaHyperparameter: Hyperparameter {
    guard hasPosterior else { return .number(1) }
    if let kappa { return .number(kappa) }
    return .text(kappaLimit.map { "D/N, at most \($0)" } ?? "D/N")
  }
}

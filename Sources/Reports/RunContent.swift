import Foundation
import Training

/// A run folder's contents, as a report needs them.
struct RunContent {
  let folder: RunFolder
  let configuration: FineTuneConfiguration
  /// Nil where the run is not finished.
  let result: FineTuneResult?
  /// `metrics.jsonl`.
  let lines: [MetricsLine]

  /// Reads a run's folder; throws where there is no configuration, or a result, that can be read.
  init(_ folder: RunFolder) throws {
    self.folder = folder
    configuration = try folder.readConfiguration()
    result = FileManager.default.fileExists(atPath: folder.summary) ? try folder.readSummary() : nil
    lines = folder.readMetrics()
  }

  /// The learning rate that was taken, or else the last in training.
  var learningRate: Double? { result?.lr ?? lines.last { $0.event == "step" }?.candidate }

  /// The steps of a learning rate.
  func steps(of rate: Double?) -> [MetricsLine] { lines.filter { $0.event == "step" && $0.candidate == rate } }

  /// What the run was trained by.
  var kind: ObjectiveKind { configuration.objective ?? .deELBO }

  /// Whether it learned a posterior.
  var hasPosterior: Bool { configuration.hasPosterior }

  /// Whether it was trained without a prior: the DE-ELBO is then the mean log likelihood, and the result a point.
  var isMaximumLikelihood: Bool { kind == .deELBO && !hasPosterior }

  /// `de-elbo`, `elbo`, `map` or another objective, as methods of a study are called, or `maximum likelihood`.
  var objective: String {
    if isMaximumLikelihood { return "maximum likelihood" }
    return hasPosterior && configuration.kappa == 1 ? "elbo" : kind.rawValue
  }

  /// What the term beside the NLL is.
  var regularizerName: String { hasPosterior ? "KL term, KL/(κN)" : "penalty on the weights" }

  /// What learning rates were chosen by: in words, and its number in a candidate's line.
  var rateScore: (name: String, number: (MetricsLine) -> Double?) {
    switch kind {
    case .deELBO: (isMaximumLikelihood ? "the NLL of the training set" : "the same objective", { $0.loss })
    case .map: ("the NLL of what was held out", { $0.validationLoss })
    case .laplace: ("the Laplace evidence, log p(D)", { $0.logMarginalLikelihood })
    }
  }

  /// How long its points' means reach, so that a line has at most 200 points.
  static func window(_ count: Int) -> Int { max(1, (count + 199) / 200) }

  /// Means over so many steps of a number, at the last step of each.
  static func means(_ steps: [MetricsLine], over window: Int, _ number: (MetricsLine) -> Double?) -> [[Double]] {
    stride(from: 0, to: steps.count, by: window).compactMap { start in
      let part = steps[start..<min(start + window, steps.count)]
      let values = part.compactMap(number)
      guard let last = part.last?.step, !values.isEmpty else { return nil }
      return [Double(last), values.reduce(0, +) / Double(values.count)]
    }
  }
}

import Foundation
import Training

/// What a run's folder holds of what a report tells.
struct RunContent {
  let folder: RunFolder
  let configuration: FineTuneConfiguration
  /// Nil where the run is not finished.
  let result: FineTuneResult?
  /// `metrics.jsonl`.
  let lines: [MetricsLine]
  /// `config.json` and `summary.json` as they stand.
  let configurationFile, summaryFile: [String: Any]

  /// Reads a run's folder; throws where there is no configuration that can be read.
  init(_ folder: RunFolder) throws {
    self.folder = folder
    configuration = try folder.readConfiguration()
    result = try? folder.readSummary()
    lines = folder.readMetrics()
    func file(_ path: String) -> [String: Any] {
      let data = FileManager.default.contents(atPath: path) ?? Data()
      return (try? JSONSerialization.jsonObject(with: data)) as? [String: Any] ?? [:]
    }
    configurationFile = file(folder.configuration)
    summaryFile = file(folder.summary)
  }

  /// The learning rate that was taken, or else the last in training.
  var learningRate: Double? { result?.lr ?? lines.last { $0.event == "step" }?.candidate }

  /// The steps of a learning rate.
  func steps(of rate: Double?) -> [MetricsLine] { lines.filter { $0.event == "step" && $0.candidate == rate } }

  /// `de-elbo`, `elbo`, `map` or another objective; without a prior it is MAP with a penalty of 0.
  var objective: String {
    let named = (summaryFile["objective"] ?? configurationFile["objective"]) as? String ?? "de-elbo"
    guard named == "de-elbo" else { return named }
    return configuration.prior == .none ? "map" : configuration.kappa == 1 ? "elbo" : named
  }

  /// What the term beside the NLL is.
  var regularizerName: String {
    switch objective {
    case "map", "la-lml": "penalty on the weights"
    default: "KL term, KL/(κN)"
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

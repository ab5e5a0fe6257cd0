import Foundation
import Studies
import Training

/// A study's page.
struct StudyReport {
  let content: StudyContent
  private let methods: [MethodOutcome]

  init(content: StudyContent) {
    self.content = content
    methods = content.methods
  }

  private func outcome(of method: StudyMethod) -> MethodOutcome? { methods.first { $0.method == method } }

  /// The grid search, once its whole cost is known.
  private var finishedGrid: MethodOutcome? { outcome(of: .mapGrid).flatMap { $0.isFinished ? $0 : nil } }

  private static func accuracy(_ trial: TrialRecord) -> Double? { trial.test?.balancedAccuracy }

  /// The page.
  func page() -> Page {
    var page = Page(kicker: kicker, title: title, lead: lead)
    page.tiles = tiles
    page.notes = notes
    page.sections = [
      Page.Section(title: "Quality against compute", figures: BestSoFar.figures(methods)),
      Page.Section(
        title: "The methods",
        text:
          "Compute is wall time from the start to a usable model, summed over all runs that the method needed; numbers are means over seeds. α and β are the weights of an L2 penalty beside the mean NLL; for learned variances they are 1/(κNλ) and 1/(κNτ).",
        content: [table.html]),
      Page.Section(
        title: "The data's weight, κ",
        text: "The objective is κ times the log likelihood less the KL divergence. How good the result is at other κ:",
        figures: KappaSweep(study: content).figures),
      Page.Section(
        title: "Which run each objective prefers",
        text:
          "With many parameters and few examples, the ELBO prefers a posterior that stays at the prior to one that fits the data.",
        figures: SelectionFigure(study: content).figures),
      trials,
    ]
    return page
  }

  private var kicker: String {
    let data = (content.configuration.data as NSString).lastPathComponent
    return ["Gridless study", content.configuration.model, data].joined(separator: " · ")
  }

  private var title: String {
    guard let ours = outcome(of: .deELBO), let accuracy = ours.mean(Self.accuracy), let seconds = ours.meanSeconds
    else {
      return "\(Wording.count(methods.count, "method")) compared"
    }
    let own = "\(Wording.percent(accuracy)) in \(Wording.duration(seconds))"
    guard let grid = finishedGrid, let theirs = grid.mean(Self.accuracy), let time = grid.meanSeconds else {
      return "DE-ELBO: \(own)"
    }
    return "DE-ELBO: \(own); grid search: \(Wording.percent(theirs)) in \(Wording.duration(time))"
  }

  private var lead: String {
    let seeds = Set(records.map(\.seed)).count
    var lead = "Balanced test accuracy and wall time, \(seeds == 1 ? "one seed" : "means over \(seeds) seeds")."
    if let ours = outcome(of: .deELBO)?.meanSeconds, let grid = finishedGrid?.meanSeconds {
      lead +=
        " Grid search took \(Wording.times(grid / ours)) the compute of learning the regularisation while training."
    }
    return lead
  }

  private var records: [TrialRecord] { content.records }

  private var tiles: [(name: String, value: String, note: String)] {
    methods.compactMap { method in
      guard let accuracy = method.mean(Self.accuracy), let seconds = method.meanSeconds else { return nil }
      return (method.label, Wording.percent(accuracy), "in \(Wording.duration(seconds))")
    }
  }

  private var notes: [String] {
    var notes: [String] = []
    let unfinished = content.unfinished.map(\.label)
    if !unfinished.isEmpty {
      notes.append(
        "The study is not finished: trials are still to come of \(unfinished.joined(separator: "; ")). What is shown of them is the best so far. Give the study's compare command again, and it goes on."
      )
    }
    if records.isEmpty { notes.append("No trial has a record yet.") }
    let failed = records.filter { $0.status == .failed }.count
    if failed > 0 {
      notes.append(
        "\(Wording.count(failed, "trial")) failed; why is in the list of trials. Their time counts for their method.")
    }
    let without = methods.filter { $0.results.isEmpty }.map(\.label)
    if !without.isEmpty, !records.isEmpty {
      notes.append("Without a result so far: \(without.joined(separator: "; ")).")
    }
    return notes
  }

  /// Every method with what it cost and what came of it.
  var table: Table {
    let grid = finishedGrid
    var table = Table(
      caption: "Means over seeds, below them the lowest and the highest; of λ, τ, α and β geometric means",
      head: [
        "method", "runs", "training steps", "compute", grid == nil ? "" : "speed-up over grid search",
        "balanced accuracy", "test NLL",
        "λ",
        "τ", "α", "β", "learning rate",
      ])
    for (index, method) in methods.enumerated() {
      if method.method == .deELBO { table.marked.insert(index) }
      let runs = method.seeds.map { method.ended($0).count }
      let summary = MethodSummary(method, beside: grid)
      table.rows.append([
        .init(method.label), .init(Self.range(runs)),
        .init(summary.trainedSteps.map { Wording.count(Int($0.rounded())) } ?? "–"),
        .init(method.meanSeconds.map(Wording.duration) ?? "–"),
        .init(summary.speedUp.map(Wording.times) ?? ""),
        method.spread(Self.accuracy, mean: summary.balancedAccuracy, Wording.percent),
        method.spread({ $0.test?.nll }, mean: summary.nll) { Wording.fixed($0) },
        method.spread(\.lambda, mean: summary.lambda) { Wording.short($0) },
        method.spread(\.tau, mean: summary.tau) { Wording.short($0) },
        method.spread(\.alpha, mean: summary.alpha) { Wording.short($0) },
        method.spread(\.beta, mean: summary.beta) { Wording.short($0) },
        .init(
          Set(method.results.compactMap { $0.learningRate }).sorted().map { String(format: "%.3g", $0) }
            .joined(separator: ", ")),
      ])
    }
    return table
  }

  private static func range(_ counts: [Int]) -> String {
    guard let low = counts.min(), let high = counts.max() else { return "–" }
    return low == high ? "\(low)" : "\(low) to \(high)"
  }

  /// Every trial, folded up.
  private var trials: Page.Section {
    guard !records.isEmpty else { return Page.Section(title: "") }
    let rows = records.map { trial -> [Table.Cell] in
      let values = trial.values.sorted { $0.key < $1.key }.map { "\($0.key) \(Wording.short($0.value))" }
      return [
        .init(trial.id), .init(trial.method), .init("\(trial.seed)"), .init(trial.stage.rawValue),
        .init(values.joined(separator: ", ")), .init(trial.status.rawValue, note: trial.failure),
        .init(trial.seconds.map(Wording.duration) ?? "–"), .init(Wording.short(trial.score)),
        .init(Self.accuracy(trial).map(Wording.percent) ?? "–"),
      ]
    }
    let table = Table(
      caption: "All trials",
      head: ["trial", "method", "seed", "stage", "values", "status", "time", "score", "balanced accuracy"], rows: rows)
    return Page.Section(
      title: "Trials",
      content: ["<details><summary>\(Wording.count(records.count, "trial"))</summary>\(table.html)</details>"])
  }
}

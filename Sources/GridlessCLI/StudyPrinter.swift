import ArgumentParser
import Foundation
import Gridless

/// Shows a study as it goes on: a line for each trial on standard error, and at the end the table of its methods.
final class StudyPrinter {
  private let options: OutputOptions
  private let progress: ProgressPrinter
  private var shown: Set<String> = []

  init(_ options: OutputOptions) {
    self.options = options
    // A run's own lines would hide the study's; on a terminal its bar shows that it goes on.
    var runs = OutputOptions()
    runs.json = false
    runs.quiet = options.quiet || isatty(STDERR_FILENO) != 1
    progress = ProgressPrinter(runs)
  }

  /// Tells what changes nothing.
  func note(_ text: String) { line("note: \(text)") }

  /// Shows what this process does.
  func print(_ event: Study.Event) throws {
    switch event {
    case .began(let trial): line("\(name(of: trial)) …")
    case .run(_, let event):
      if case .step = event { try progress.print(event) }
    case .ended(let trial): try ended(trial)
    case .waiting: line("what is left is being worked on by other processes; waiting for them")
    }
  }

  /// Shows those trials that have ended since the last time: what other processes do.
  func show(_ records: [TrialRecord]) throws {
    for trial in records where trial.hasEnded && !shown.contains(trial.id) { try ended(trial) }
  }

  private func ended(_ trial: TrialRecord) throws {
    progress.finish()
    shown.insert(trial.id)
    if options.json {
      let text = try JSON.line(EventLine(event: "trial", content: trial))
      try? FileHandle.standardOutput.write(contentsOf: Data((text + "\n").utf8))
    }
    if let failure = trial.failure {
      line("\(name(of: trial)): failed: \(failure)")
      return
    }
    var parts: [String] = []
    if let held = trial.validation { parts.append("held out NLL \(fixed(held.nll))") }
    if let test = trial.test { parts.append("test accuracy \(fixed(test.accuracy)) NLL \(fixed(test.nll))") }
    parts.append(duration(trial.seconds ?? 0))
    line("\(name(of: trial)): \(parts.joined(separator: ", "))")
  }

  private func name(of trial: TrialRecord) -> String {
    let values = trial.values.sorted { $0.key < $1.key }.map { "\($0.key) \(significant($0.value))" }
    let steps = trial.studyMethod == .mapASHA ? ["\(trial.steps) steps"] : []
    return "\(trial.id)" + (values.isEmpty ? "" : " (\((values + steps).joined(separator: ", ")))")
  }

  private func line(_ text: String) {
    progress.finish()
    guard !options.quiet else { return }
    try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8))
  }

  /// The study's result on standard output; throws `ExitCode.failure` where a method has none under any seed.
  func printTable(of records: [TrialRecord], in folder: StudyFolder) throws {
    let rows = MethodSummary.summaries(of: records)
    if options.json {
      for row in rows { Swift.print(try JSON.line(EventLine(event: "method", content: row))) }
      return try requireResults(rows)
    }
    func text(_ value: Double?, _ digits: Int = 3) -> String { value.map { fixed($0, digits: digits) } ?? "–" }
    let header = [
      "method", "seeds", "accuracy", "balanced", "NLL", "runs", "steps", "hours", "speed-up", "lr", "λ", "τ", "α", "β",
    ]
    let body = rows.map { row in
      [
        row.method + (row.sweptKappa.map { " \(significant($0))" } ?? ""), "\(row.seeds)", text(row.accuracy),
        text(row.balancedAccuracy), text(row.nll), text(row.runs, 1), text(row.trainedSteps, 0), text(row.hours, 4),
        text(row.speedUp, 1),
        row.lr.map(significant) ?? "–", scientific(row.lambda), scientific(row.tau), scientific(row.alpha),
        scientific(row.beta),
      ]
    }
    Swift.print(table([header] + body))
    Swift.print("study folder  \(folder.path)")
    let failed = rows.reduce(0) { $0 + $1.failed }
    if failed > 0 {
      Swift.print(
        failed == 1
          ? "1 trial failed; its trial.json says why" : "\(failed) trials failed; their trial.json say why")
    }
    try requireResults(rows)
  }

  private func requireResults(_ rows: [MethodSummary]) throws {
    if rows.contains(where: { $0.seeds == 0 }) { throw ExitCode.failure }
  }
}

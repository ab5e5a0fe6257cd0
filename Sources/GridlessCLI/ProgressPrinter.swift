import Foundation
import Gridless
import Support

/// Shows a run's events: a progress bar on a terminal, a line now and then elsewhere; JSON on request.
///
/// Progress and notes go to standard error, so that standard output holds results only.
final class ProgressPrinter {
  private let options: OutputOptions
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private var hasBar = false
  private var setup: FineTuneSetup?
  private var lastDraw = ContinuousClock.now
  private var candidate: (lr: Double, firstStep: Int, start: ContinuousClock.Instant)?
  private var fetchBegan: (start: ContinuousClock.Instant, present: Int)?

  init(_ options: OutputOptions) { self.options = options }

  func print(_ event: FineTuneEvent) throws {
    if options.json { try printLine(event) }
    guard !options.quiet else { return }
    switch event {
    case .note(let text): line("note: \(text)")
    case .decoding(let split, let done, let total): decoding(split, done, total)
    case .alreadyFinished: break
    case .started(let setup):
      self.setup = setup
      line(
        "\(setup.examples) examples \(setup.classes.map { "of \($0) classes" } ?? "with values"), D = \(setup.parameters)\(isPoint ? "" : ", κ = \(scientific(setup.kappa))"); \(setup.steps) steps at \(setup.race == nil ? "" : "the winner of ")learning rate \(setup.learningRates.map { "\($0)" }.joined(separator: ", "))"
      )
    case .step(let step): show(step)
    case .estimate(let seconds): estimate(seconds)
    case .rung(let rung):
      let outcome =
        rung.loss.map { "loss \(fixed($0, digits: 4)) at σ \(scientific(rung.sigma ?? .nan))" } ?? "diverged"
      line("rung \(rung.rung), step \(rung.step): learning rate \(rung.lr): \(outcome), \(duration(rung.seconds))")
    case .candidate(let candidate):
      let outcome = candidate.loss.map { "loss \(fixed($0, digits: 4))" } ?? "diverged"
      line("learning rate \(candidate.lr): \(outcome) on the training set, \(duration(candidate.seconds))")
    }
  }

  /// What programs read while the run goes on.
  private func printLine(_ event: FineTuneEvent) throws {
    let text: String
    switch event {
    case .candidate(let candidate): text = try JSON.line(EventLine(event: "candidate", content: candidate))
    case .rung(let rung): text = try JSON.line(EventLine(event: "rung", content: rung))
    default: return
    }
    // Not through print, whose buffer would hold the line back from a pipe. If nobody reads, the run goes on.
    try? FileHandle.standardOutput.write(contentsOf: Data((text + "\n").utf8))
  }

  func print(_ event: PriorEvent) throws {
    switch event {
    case .note(let text): try print(FineTuneEvent.note(text))
    case .decoding(let split, let done, let total):
      try print(FineTuneEvent.decoding(split: split, done: done, total: total))
    case .step(let step): if !options.quiet { show(step) }
    }
  }

  func print(_ event: FetchEvent) {
    guard !options.quiet else { return }
    switch event {
    case .note(let text): line("note: \(text)")
    case .began(let url, let path, let bytes, let present):
      let rest = present > 0 ? ", of which \(megabytes(present)) are there" : ""
      line("fetching \(url) to \(path) (\(megabytes(bytes))\(rest))")
      fetchBegan = (.now, present)
    case .receiving(let file, let bytes, let total):
      guard isTerminal, isDue || bytes == total else { return }
      var left = ""
      if let fetchBegan, bytes > fetchBegan.present {
        let seconds = (ContinuousClock.now - fetchBegan.start) / .seconds(1)
        left = "  \(duration(seconds / Double(bytes - fetchBegan.present) * Double(max(total - bytes, 0)))) left"
      }
      bar(file, bytes, total, counts: "\(bytes / 1_000_000)/\(megabytes(total))", left)
    case .checking(let file, let bytes, let total):
      if isTerminal, isDue { bar("checking \(file)", bytes, total, counts: megabytes(total), "") }
    case .unpacking(let file): line("unpacking \(file)")
    }
  }

  private func show(_ step: PriorStep) {
    let text = "NLL \(fixed(step.nll))  \(step.collected) collected"
    if isTerminal {
      if isDue || step.step == step.steps { bar("SWAG", step.step, step.steps, text) }
    } else if step.step % max(1, step.steps / 10) == 0 {
      line("step \(step.step)/\(step.steps)  \(text)")
    }
  }

  /// Ends the bar's line.
  func finish() { clearBar() }

  private func decoding(_ split: String, _ done: Int, _ total: Int) {
    if isTerminal {
      if isDue || done == total { bar("decoding \(split)", done, total, "") }
      if done == total { clearBar() }
    } else if done == total {
      line("decoded \(total) images of \(split)")
    }
  }

  /// Whether a point is trained, without noise.
  private var isPoint: Bool { setup.map { !$0.hasPosterior } ?? false }

  private func show(_ step: StepReport) {
    // The first step that this process takes of the candidate may be a later one.
    if candidate?.lr != step.peakLearningRate { candidate = (step.peakLearningRate, step.step, .now) }
    let terms = step.terms
    let scales =
      isPoint ? "" : "  λ \(scientific(terms.lambda)) τ \(scientific(terms.tau)) σ \(scientific(terms.sigma))"
    let text =
      "loss \(fixed(terms.loss)) = NLL \(fixed(terms.nll)) + \(isPoint ? "penalty" : "KL") \(fixed(terms.loss - terms.nll))\(scales)"
    if isTerminal {
      guard isDue || step.step == step.steps else { return }
      var time = ""
      if let candidate, step.step > candidate.firstStep {
        let seconds = (ContinuousClock.now - candidate.start) / .seconds(1)
        let left = seconds / Double(step.step - candidate.firstStep) * Double(step.steps - step.step)
        time = "\(duration(left)) left  "
      }
      bar("lr \(step.peakLearningRate)", step.step, step.steps, time + text)
    } else if step.step % max(1, step.steps / 10) == 0 && !step.isCooling {
      line("lr \(step.peakLearningRate)  step \(step.step)/\(step.steps)  \(text)")
    }
  }

  private func estimate(_ seconds: Double) {
    line("about \(duration(seconds)) of training left")
    if seconds > 2 * 3600 {
      line(
        "note: that is long for this machine. Fewer --steps, a smaller --size, or one --lr make it shorter: the published number of steps is meant for a GPU"
      )
    }
  }

  /// At most ten redraws a second.
  private var isDue: Bool {
    guard ContinuousClock.now - lastDraw > .milliseconds(100) else { return false }
    lastDraw = .now
    return true
  }

  private func bar(_ label: String, _ done: Int, _ total: Int, counts: String? = nil, _ text: String) {
    // The last column stays free: some terminals wrap as soon as it is written.
    let columns = Self.columns - 1
    let tail = " \(counts ?? "\(done)/\(total)")  \(text)"
    let width = min(max(columns - label.count - 1 - tail.count, 4), 20)
    let filled = total == 0 ? width : min(width, width * done / total)
    let blocks = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    write("\r\u{1B}[2K" + printable("\(label) \(blocks)\(tail)").prefix(columns))
    hasBar = true
  }

  /// The terminal's width; it may change while the run goes on.
  private static var columns: Int {
    var window = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0 else { return 80 }
    return Int(window.ws_col)
  }

  /// Names of files and classes in it may hold control characters.
  private func line(_ text: String) {
    clearBar()
    write(printable(text) + "\n")
  }

  private func clearBar() {
    if hasBar { write("\r\u{1B}[2K") }
    hasBar = false
  }

  /// A terminal that is gone is no reason to stop.
  private func write(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }
}

import ArgumentParser
import Foundation
import Gridless

/// `gridless compare`.
struct Compare: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Compare ways to choose hyperparameters, side by side on your own data.",
    usage: "gridless compare <data> --model <model> --methods <methods> --out <study> [<options>]",
    discussion: """
      A study is a folder of trials, each a run folder. Several processes may work on one study: give the same command in \
      another terminal, or pass --parallel. If a study is interrupted, the same command goes on with it.

      METHODS, separated by commas: de-elbo (the learning rate by a race), elbo (the same with κ = 1), map-grid, map-bo, \
      map-asha (maximum a posteriori; one fifth held out for the choice, then retrained on all), la-lml, la-clml \
      (Laplace evidence), linear-probe (de-elbo of the head alone).
      """)

  @OptionGroup var study: StudyOptions
  @OptionGroup(title: "Search") var search: SearchOptions

  @Option(help: "How many processes work at once.")
  var parallel = 1

  /// Given to the processes that `--parallel` starts.
  @Flag(help: .hidden)
  var worker = false

  @OptionGroup var output: OutputOptions

  func validate() throws {
    if parallel < 1 { throw ValidationError("--parallel \(parallel): expected at least 1.") }
    if parallel > 256 { throw ValidationError("--parallel \(parallel): expected at most 256.") }
    if search.kappas != nil, search.kappaWords.isEmpty {
      throw ValidationError("--kappas is empty: expected positive numbers, or 1, N, D/N, D, separated by commas.")
    }
    try study.validateNames()
    try asUsage { try configuration().validate() }
  }

  private func configuration() throws -> StudyConfiguration {
    var configuration = try study.configuration(grid: try search.readGrid(), methods: search.methodList)
    try search.apply(to: &configuration)
    return configuration
  }

  func run() throws {
    let crew = Crew()
    let signals = Signals(
      leaving: parallel == 1
        ? "interrupted between two runs; nothing was lost" : "interrupted; the runs are saved where they are",
      isSilent: worker
    ) { [output, worker] signal in
      crew.stop()
      if output.json, !worker { InterruptedLine(signal: signal).print() }
    }
    if worker { OrphanWatch.begin(signals.interruption) }
    // A member's leader has fetched it.
    if !worker { try study.chosenWeights().fetch(for: study.data, showing: ProgressPrinter(output)) }
    let folder = StudyFolder(study.out)
    var configuration = try asUsage { try self.configuration() }
    let chosenDevice = configuration.device
    try configuration.pinMachine(as: try? folder.configuration, processes: parallel)
    try asUsage { try configuration.resolve(kappaWords: search.kappaWords) }
    let study = try asUsage { try Study(configuration, in: folder) }
    let printer = StudyPrinter(output)
    if worker {
      try work(study, signals) { _ in }
      return
    }
    for text in chosenDevice.notes() + configuration.idleOptions { printer.note(text) }
    if parallel == 1 {
      try work(study, signals) { try printer.print($0) }
    } else {
      var cache: [String: TrialRecord] = [:]
      try crew.work(parallel) { try printer.show(folder.records(&cache)) }
    }
    try printer.printTable(of: folder.records(), in: folder)
  }

  private func work(_ study: Study, _ signals: Signals, _ onEvent: (Study.Event) throws -> Void) throws {
    do {
      try study.work(interruption: signals.interruption, onEvent: onEvent)
    } catch TrainingError.interrupted(let run, let place) {
      throw interrupted("at \(place) of \(run)", InterruptedLine(run: run, progress: place, signal: signals.caught))
    } catch StudyError.interrupted(let path) {
      throw interrupted("between two runs of \(path)", InterruptedLine(signal: signals.caught))
    }
  }

  /// Tells where the study stopped, unless another process does, and how it goes on.
  private func interrupted(_ place: String, _ line: InterruptedLine) -> ExitCode {
    if !worker {
      if output.json { line.print() }
      let text = "interrupted \(place); to go on: \(Finetune.sameCommand)\n"
      try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
    return ExitCode(128 + line.signal)
  }
}

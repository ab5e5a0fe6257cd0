import ArgumentParser
import Foundation
import Gridless

/// `gridless-bench steps`: steps of Gridless and of the peer, interleaved, in one table.
struct Steps: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Time training steps of Gridless and of PyTorch, taking turns.",
    discussion: """
      Both sides run as processes of their own, pinned to the same cores, on the same files; one works while the other \
      waits. A repeat lets each take a few steps; what is printed is the median of the repeats and their spread, and \
      ratios are taken within a repeat.
      """)

  @OptionGroup var data: DataOptions

  @Option(parsing: .upToNextOption, help: "What is measured, as MODEL@SIZExBATCH.")
  var cases: [Case] = Case.standard

  @Option(
    parsing: .upToNextOption, help: "Numbers of threads, each of them a core (default: 1, and 2 where there are two).")
  var threads: [Int] = [1, 2].filter { $0 <= ProcessInfo.processInfo.activeProcessorCount }

  @Option(help: "How often everybody has a turn.")
  var repeats = 5

  @Option(help: "Measured steps in a turn; one more goes before them.")
  var steps = 3

  @Flag(help: "Only MobileNetV2, on all cores, three short repeats: a few minutes.")
  var quick = false

  @Flag(help: "Do not measure memory, which takes processes of its own.")
  var skipMemory = false

  @Option(help: "The Python that Scripts/peer.sh has made; without it there is no peer.")
  var python: String?

  @Option(help: "The peer's script.")
  var peer = "Benchmarks/peer/peer.py"

  @Option(help: "Where every measured step's time goes, as comma-separated values.")
  var csv: String?

  mutating func validate() throws {
    let cores = ProcessInfo.processInfo.activeProcessorCount
    guard threads.allSatisfy({ (1...cores).contains($0) }) else {
      throw ValidationError("--threads: expected numbers from 1 to \(cores), this machine's cores.")
    }
    guard repeats > 0, steps > 0 else { throw ValidationError("--repeats and --steps: expected at least 1.") }
    if quick { (cases, threads, repeats, steps) = ([Case.standard[1]], [threads.max() ?? 1], 3, 2) }
  }

  func run() throws {
    signal(SIGPIPE, SIG_IGN)
    var measured: [Measured] = []
    try data.withFolder { folder in
      for benchCase in cases {
        for count in threads {
          measured += try measure(benchCase, threads: count, folder: folder)
          try csv.map { try Measured.csv(measured).write(toFile: $0, atomically: true, encoding: .utf8) }
        }
        guard !skipMemory else { continue }
        let peaks = try memory(of: benchCase, folder: folder)
        for index in measured.indices where measured[index].benchCase == benchCase {
          measured[index].peakBytes = peaks[measured[index].contender]
        }
      }
    }
    print("\(Processor.name), \(ProcessInfo.processInfo.activeProcessorCount) cores, load \(Processor.load)\n")
    print(Measured.table(measured))
    print("\n\(Measured.ratios(measured))")
  }

  private var contenders: [Contender] {
    let precisions = Runtime.hasBFloat16Instructions ? ["bf16", "fp32"] : ["fp32"]
    let own = precisions.flatMap { precision in
      [Mode.elbo, .map].map { Contender(side: .gridless, mode: $0, precision: precision) }
    }
    let others: [Mode] = python == nil ? [] : [.elbo, .map, .careful]
    return own + others.map { Contender(side: .peer, mode: $0) }
  }

  /// A process that takes steps for one side.
  private func start(_ side: Contender.Side, threads: Int, folder: String) throws -> ChildProcess {
    let command =
      switch side {
      case .gridless: [ownPath, "worker", folder, "\(data.images)"]
      case .peer: [python ?? "python3", peer, folder, "\(data.images)"]
      }
    return try ChildProcess(
      command, cpus: firstCores(threads), environment: ["OMP_NUM_THREADS": "\(threads)"])
  }

  /// Turns about, with everybody's process alive.
  private func measure(_ benchCase: Case, threads: Int, folder: String) throws -> [Measured] {
    let contenders = contenders
    var processes: [Contender.Side: ChildProcess] = [:]
    for side in Set(contenders.map(\.side)) { processes[side] = try start(side, threads: threads, folder: folder) }
    defer { for process in processes.values { process.end() } }
    // Nobody is timed while another process still loads its libraries and decodes its images.
    for (side, process) in processes {
      guard let contender = contenders.first(where: { $0.side == side }) else { continue }
      let _: TurnResult = try process.ask(TurnRequest(benchCase, contender, warmup: 0, steps: 1, threads: threads))
    }
    var measured = contenders.map { Measured(benchCase: benchCase, contender: $0, threads: threads) }
    for round in 0..<repeats {
      say("\(benchCase), \(threads) thread\(threads == 1 ? "" : "s"): repeat \(round + 1) of \(repeats)")
      for position in contenders.indices {
        // Everybody is first once, so that nobody always follows the same neighbour's heat.
        let index = (position + round) % contenders.count
        // The threads of the last turn spin for some milliseconds before they sleep.
        Thread.sleep(forTimeInterval: 0.1)
        let request = TurnRequest(
          benchCase, contenders[index], warmup: round == 0 ? 2 : 1, steps: steps, threads: threads)
        guard let process = processes[contenders[index].side] else { continue }
        let result: TurnResult = try process.ask(request)
        measured[index].precision = result.precision
        measured[index].turns.append(result.seconds)
      }
    }
    return measured
  }

  /// The peak of a fresh process that takes two steps of one kind.
  private func memory(of benchCase: Case, folder: String) throws -> [Contender: Int] {
    say("\(benchCase): memory")
    let count = threads.max() ?? 1
    var peaks: [Contender: Int] = [:]
    for contender in contenders {
      let process = try start(contender.side, threads: count, folder: folder)
      defer { process.end() }
      let result: TurnResult = try process.ask(
        TurnRequest(benchCase, contender, warmup: 1, steps: 1, threads: count))
      peaks[contender] = result.peakBytes
    }
    return peaks
  }
}

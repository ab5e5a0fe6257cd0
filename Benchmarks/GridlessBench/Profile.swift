import ArgumentParser
import Foundation
import Gridless

/// `gridless-bench profile`: where the time of a DE-ELBO step goes.
struct Profile: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Time the parts of a DE-ELBO step.",
    discussion: """
      Parts are timed in the step itself. The share of convolutions is what oneDNN, which computes them, reports when \
      asked to (ONEDNN_VERBOSE), in a second run, since writing the report costs time of its own.
      """)

  @OptionGroup var data: DataOptions

  @Option(parsing: .upToNextOption, help: "What is measured, as MODEL@SIZExBATCH.")
  var cases: [Case] = Case.standard

  @Option(help: "Threads, each of them a core.")
  var threads = ProcessInfo.processInfo.activeProcessorCount

  @Option(help: "What the network computes in; bf16 if the processor has instructions for it.")
  var precision: ParameterVector.Precision = Runtime.hasBFloat16Instructions ? .bfloat16 : .float32

  @Option(help: "Measured steps.")
  var steps = 5

  func run() throws {
    signal(SIGPIPE, SIG_IGN)
    var rows = [["model", "size", "batch", "threads", "precision", "part", "ms per step", "share"]]
    try data.withFolder { folder in
      for benchCase in cases {
        say("\(benchCase): profile")
        let parts = try turn(benchCase, folder: folder).parts ?? [:]
        let convolutions = try convolutionTime(benchCase, folder: folder)
        let total = ProfiledStep.parts.reduce(0) { $0 + Spread(parts[$1] ?? []).median }
        func row(_ name: String, _ seconds: Double) -> [String] {
          [
            benchCase.model, "\(benchCase.size)", "\(benchCase.batch)", "\(threads)", precision.rawValue, name,
            fixed(1000 * seconds, 1), fixed(100 * seconds / total, 1) + " %",
          ]
        }
        for part in ProfiledStep.parts {
          rows.append(row(part, Spread(parts[part] ?? []).median))
          if let seconds = convolutions[part] { rows.append(row("… of it convolutions", seconds)) }
        }
        rows.append(row("all", total))
      }
    }
    print(markdown(rows))
  }

  private func turn(
    _ benchCase: Case, folder: String, environment: [String: String] = [:],
    onOtherLine: @escaping (String) -> Void = { _ in }
  ) throws -> TurnResult {
    let process = try ChildProcess(
      [ownPath, "worker", folder, "\(data.images)"], cpus: firstCores(threads),
      environment: environment.merging(["OMP_NUM_THREADS": "\(threads)"]) { $1 })
    defer { process.end() }
    process.onOtherLine = onOtherLine
    return try process.ask(
      TurnRequest(
        benchCase, Contender(side: .gridless, mode: .profile, precision: precision.rawValue), warmup: 2, steps: steps,
        threads: threads))
  }

  /// Seconds per step in convolutions, of the forward and of the backward pass.
  ///
  /// A line of oneDNN's is `onednn_verbose,v1,primitive,exec,cpu,convolution,jit:…,forward_training,…,milliseconds`.
  private func convolutionTime(_ benchCase: Case, folder: String) throws -> [String: Double] {
    var seconds: [String: Double] = [:]
    _ = try turn(benchCase, folder: folder, environment: ["ONEDNN_VERBOSE": "profile_exec"]) { line in
      guard line.hasPrefix("onednn_verbose"), line.contains(",convolution,"),
        let time = line.split(separator: ",").last.flatMap({ Double($0) })
      else { return }
      seconds[line.contains(",forward") ? "forward" : "backward", default: 0] += time / 1000
    }
    // The two steps before the measured ones are reported, too.
    return seconds.mapValues { $0 / Double(steps + 2) }
  }
}

extension ParameterVector.Precision: ExpressibleByArgument {}

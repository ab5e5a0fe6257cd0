import ArgumentParser
import CBenchLoops
import Dispatch
import Foundation
import Gridless
import Synchronization

/// `gridless-bench profile`: where the time of a DE-ELBO step goes.
struct Profile: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Time the parts of a DE-ELBO step.",
    discussion: """
      Parts are timed in the step itself. The share of convolutions is what oneDNN, which computes them, reports when \
      asked to (ONEDNN_VERBOSE), in a second run, since writing the report costs time of its own. Their rate is compared \
      with that of fused multiply-adds on numbers in registers, which nothing on these cores exceeds.
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
    let peak = multiplyAddRate()
    var rows = [
      ["model", "size", "batch", "threads", "precision", "part", "ms per step", "share", "GFLOP/s", "of the peak"]
    ]
    try data.withFolder { folder in
      for benchCase in cases {
        say("\(benchCase): profile")
        let parts = try turn(benchCase, folder: folder).parts ?? [:]
        let convolutions = try convolutionWork(benchCase, folder: folder)
        let total = ProfiledStep.parts.reduce(0) { $0 + Spread(parts[$1] ?? []).median }
        func row(_ name: String, _ seconds: Double, operations: Double? = nil) -> [String] {
          let rate = operations.map { $0 / seconds }
          return [
            benchCase.model, "\(benchCase.size)", "\(benchCase.batch)", "\(threads)", precision.rawValue, name,
            fixed(1000 * seconds, 1), fixed(100 * seconds / total, 1) + " %", rate.map { fixed($0 / 1e9, 0) } ?? "",
            rate.map { rate in peak.map { fixed(100 * rate / $0, 0) + " %" } ?? "–" } ?? "",
          ]
        }
        for part in ProfiledStep.parts {
          rows.append(row(part, Spread(parts[part] ?? []).median))
          if let work = convolutions[part] {
            rows.append(row("… of it convolutions", work.seconds, operations: work.operations))
          }
        }
        rows.append(row("all", total))
      }
    }
    print(markdown(rows))
    if let peak { print("\nPeak: \(fixed(peak / 1e9, 0)) GFLOP/s with --threads \(threads).") }
  }

  /// Floating-point operations per second of all threads at once; nil where `multiply_add_rate` knows no loop.
  private func multiplyAddRate() -> Double? {
    let bfloat16 = precision == .bfloat16
    let rates = Mutex([Double]())
    DispatchQueue.concurrentPerform(iterations: threads) { _ in
      let rate = multiply_add_rate(bfloat16, 1)
      rates.withLock { $0.append(rate) }
    }
    let all = rates.withLock { $0 }
    return all.contains(0) ? nil : all.reduce(0, +)
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

  /// What oneDNN reports of the convolutions of a step, forward and backward.
  ///
  /// A line is `onednn_verbose,v1,primitive,exec,cpu,convolution,jit:…,forward_training,…,SHAPE,milliseconds`.
  private func convolutionWork(_ benchCase: Case, folder: String) throws -> [String: ConvolutionWork] {
    var work: [String: ConvolutionWork] = [:]
    _ = try turn(benchCase, folder: folder, environment: ["ONEDNN_VERBOSE": "profile_exec"]) { line in
      let fields = line.split(separator: ",")
      guard line.hasPrefix("onednn_verbose"), line.contains(",convolution,"),
        let time = fields.last.flatMap({ Double($0) })
      else { return }
      let part = line.contains(",forward") ? "forward" : "backward"
      work[part, default: ConvolutionWork()].add(
        seconds: time / 1000, operations: ConvolutionWork.operations(shape: fields[fields.count - 2]))
    }
    // The two steps before the measured ones are reported, too.
    return work.mapValues { $0 / Double(steps + 2) }
  }
}

/// Convolutions' time and floating-point operations.
private struct ConvolutionWork {
  var seconds = 0.0
  var operations = 0.0

  mutating func add(seconds: Double, operations: Double) {
    self.seconds += seconds
    self.operations += operations
  }

  static func / (work: Self, count: Double) -> Self {
    Self(seconds: work.seconds / count, operations: work.operations / count)
  }

  /// The operations of a shape as oneDNN writes it, such as
  /// `g32mb16_ic64oc64_ih56oh56kh3sh1dh0ph1_iw56ow56kw3sw1dw0pw1`.
  ///
  /// A product and its sum are two operations, in the forward pass and for either gradient.
  static func operations(shape: Substring) -> Double {
    var sizes: [Substring: Double] = [:]
    for match in shape.matches(of: /([a-z]+)([0-9]+)/) { sizes[match.1] = Double(match.2) }
    return ["mb", "oc", "ic", "oh", "ow", "kh", "kw"].reduce(2) { $0 * (sizes[$1] ?? 1) } / (sizes["g"] ?? 1)
  }
}

extension ParameterVector.Precision: ExpressibleByArgument {}

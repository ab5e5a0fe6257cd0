import ArgumentParser
import Foundation
import Gridless

/// `gridless-bench worker`: takes steps on request, as the peer does.
///
/// `Steps` and `Profile` start it.
struct Worker: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Take steps on request: one line of JSON each.", shouldDisplay: false)

  @Argument var data: String
  @Argument var images: Int

  func run() throws {
    var workload: Workload?
    while let line = readLine() {
      let request = try JSONDecoder().decode(TurnRequest.self, from: Data(line.utf8))
      if workload?.benchCase != request.benchCase {
        try Runtime.start(threads: request.threads)
        workload = nil
        workload = try Workload(request.benchCase, data: data, images: images, threads: request.threads)
      }
      guard let step = try workload?.step(request.mode, precision: request.precision) else { continue }
      for _ in 0..<request.warmup { _ = try step() }
      let parts = step as? ProfiledStep
      parts?.clear()
      let clock = ContinuousClock()
      var result = TurnResult(
        seconds: [], peakBytes: 0, precision: request.precision, loss: .nan, parts: nil)
      for _ in 0..<request.steps {
        let start = clock.now
        result.loss = try step()
        result.seconds.append((clock.now - start) / .seconds(1))
      }
      result.parts = parts?.seconds
      result.peakBytes = peakBytes()
      try FileHandle.standardOutput.write(contentsOf: JSONEncoder().encode(result) + Data("\n".utf8))
    }
  }
}

/// VmHWM: the most memory that this process has had resident.
private func peakBytes() -> Int {
  let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
  let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
  return 1024 * (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0)
}

import ArgumentParser
import CBenchLoops
import Dispatch
import Foundation
import Gridless

/// `gridless-bench decoding`: JPEG files per second, against libjpeg-turbo with nothing around it.
struct Decoding: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Time JPEG decoding against a plain loop over libjpeg-turbo.",
    discussion: "All read the same files, which are in the page cache by then.")

  @OptionGroup var data: DataOptions

  @Option(help: "How often everybody has a turn.")
  var repeats = 7

  @Option(help: "How often all files are decoded in a turn.")
  var passes = 4

  @Option(help: "The side that images are resized to, in the last row.")
  var size = 256

  func run() throws {
    try data.withFolder { folder in
      let examples = Array((try Dataset.open(folder).splits[.train] ?? []).prefix(data.images))
      let paths = examples.compactMap { if case .file(let path) = $0.source { path } else { nil } }
      let cores = ProcessInfo.processInfo.activeProcessorCount
      func plain(_ threads: Int) throws { try decode(paths, threads: threads) { jpeg_loop_decode($0) > 0 } }
      func gridless(_ threads: Int) throws {
        try decode(paths, threads: threads) { (try? RGBImage.decode(path: $0)) != nil }
      }
      let ways: [(name: String, cores: Int, run: () throws -> Void)] = [
        ("libjpeg-turbo, plain loop", 1, { try plain(1) }),
        ("libjpeg-turbo, plain loop", cores, { try plain(cores) }),
        ("Gridless, decoding", 1, { try gridless(1) }),
        ("Gridless, decoding", cores, { try gridless(cores) }),
        ("Gridless, decoding and resizing to \(size)", 1, { try store(examples, threads: 1) }),
        ("Gridless, decoding and resizing to \(size)", cores, { try store(examples, threads: cores) }),
      ]
      var rates = ways.map { _ in [Double]() }
      var loads = rates
      for round in 0...repeats {
        for (index, way) in ways.enumerated() {
          let clock = ContinuousClock()
          let before = processorSeconds()
          let seconds = try clock.measure { for _ in 0..<passes { try way.run() } } / .seconds(1)
          // The first round fills the page cache.
          guard round > 0 else { continue }
          rates[index].append(Double(passes * paths.count) / seconds)
          loads[index].append(1000 * (processorSeconds() - before) / Double(passes * paths.count))
        }
      }
      let rows = ways.indices.map { index in
        [
          ways[index].name, "\(ways[index].cores)", Spread(rates[index]).text(digits: 0),
          Spread(zip(rates[index], rates[0]).map { 100 * $0 / $1 / Double(ways[index].cores) }).text(digits: 0) + " %",
          Spread(loads[index]).text(digits: 2),
        ]
      }
      print(
        markdown(
          [
            [
              "\(paths.count) JPEG files", "cores", "images/s", "per core, of the loop's rate",
              "processor ms per image",
            ]
          ]
            + rows))
    }
  }

  /// Decodes all files and drops them; `isDecoded` says whether it could.
  private func decode(_ paths: [String], threads: Int, isDecoded: @Sendable (String) -> Bool) throws {
    nonisolated(unsafe) var failed = false
    DispatchQueue.concurrentPerform(iterations: threads) { thread in
      for index in stride(from: thread, to: paths.count, by: threads) where !isDecoded(paths[index]) { failed = true }
    }
    if failed { throw BenchError.impossible("an image cannot be decoded; `gridless doctor` names it.") }
  }

  /// The processor time of all threads so far, which a busy machine stretches less than wall time.
  private func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  /// What `gridless finetune` does before it trains.
  private func store(_ examples: [Example], threads: Int) throws {
    let preprocessing = Preprocessing(size: size, resizeSize: size)
    _ = try ImageStore(examples, preprocessing: preprocessing, options: ImageStore.Options(threads: threads))
  }
}

import ArgumentParser
import Foundation
import Gridless

/// `gridless-bench gpu`: steps on a GPU, in blocks, as `gridless finetune` takes them there.
struct GPU: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gpu", abstract: "Time training steps on a GPU: DE-ELBO beside MAP, graphs beside single operations.",
    discussion: """
      Images lie on the device, weights are random. Each row is a network of its own; its first block of steps is not \
      counted. The long block is five of the usual ones in one, between which the host has nothing to do: by what its step \
      is shorter the GPU waits for the host.
      """)

  @OptionGroup var data: DataOptions

  @Option(parsing: .upToNextOption, help: "What is measured, as MODEL@SIZExBATCH.")
  var cases = [128, 512].map { Case(model: "resnet50", size: 224, batch: $0) }

  @Option(help: "Measured blocks of each row.")
  var repeats = 3

  @Option(help: "fp32 or bf16.")
  var precision = "bf16"

  @Option(help: "Where; cpu tries the command itself.")
  var device = DeviceChoice.cuda

  @Flag(help: "Check that the steps are right, and measure nothing.")
  var check = false

  func validate() throws {
    guard repeats > 0 else { throw ValidationError("--repeats: expected at least 1.") }
  }

  func run() throws {
    try Runtime.start()
    let device = try device.resolved()
    let recorder = device.isCUDA ? try CUDAGraphs() : nil
    try data.withFolder { folder in
      if check { return try GPUCheck(folder: folder, device: device, recorder: recorder).run() }
      for benchCase in cases { try measure(benchCase, folder: folder, device: device, recorder: recorder) }
    }
  }

  private func measure(_ benchCase: Case, folder: String, device: Device, recorder: CUDAGraphs?) throws {
    var images = try Workload.images(of: folder, count: data.images, size: benchCase.size, device: device)
    try images.moveToDevice()
    let usual = DeviceBlocks.length
    let rows: [(name: String, weightDecay: Double?, length: Int, recorder: CUDAGraphs?)] = [
      ("DE-ELBO", nil, usual, recorder), ("MAP", 1e-4, usual, recorder),
      ("DE-ELBO, the long block", nil, 5 * usual, recorder), ("DE-ELBO, operation by operation", nil, usual, nil),
    ]
    var times: [String: Spread] = [:]
    var table = [["\(benchCase)", "ms per step", "images/s", "loss"]]
    for row in rows {
      // Released at the end of its turn, so that the next one finds its memory free.
      do {
        let run = try BlockRun(
          BenchParts(benchCase, precision: precision, device: device), images: images, batch: benchCase.batch,
          weightDecay: row.weightDecay, length: row.length, recorder: row.recorder)
        _ = try run()
        let found = try (0..<repeats).map { _ in try run() }
        let spread = Spread(found.map { 1000 * $0.seconds })
        times[row.name] = spread
        let rate = Spread(found.map { Double(benchCase.batch) / $0.seconds })
        table.append([row.name, spread.text(digits: 2), rate.text(digits: 0), fixed(found.last?.loss ?? .nan, 3)])
        for note in run.notes { say("\(row.name): \(note)") }
      }
    }
    report("\(markdown(table))\n")
    if let own = times[rows[0].name], let map = times[rows[1].name], let long = times[rows[2].name] {
      report("DE-ELBO / MAP: \(fixed(own.median / map.median, 3))")
      report("waiting for the host: \(fixed(100 * (1 - long.median / own.median), 1)) %\n")
    }
  }
}

/// Prints a line at once: what was found stays, however the process ends.
func report(_ line: String) {
  print(line)
  fflush(nil)
}

extension DeviceChoice: ExpressibleByArgument {}

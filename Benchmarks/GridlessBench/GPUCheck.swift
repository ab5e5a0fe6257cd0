import Foundation
import Gridless

/// What tests cannot check without a GPU: `gridless-bench gpu --check`.
struct GPUCheck {
  let folder: String
  let device: Device
  let recorder: CUDAGraphs?

  private let benchCase = Case(model: "resnet18", size: 64, batch: 16)

  /// Prints a line for each point, and throws at the end where one does not hold.
  func run() throws {
    // cuBLAS reads it when it is first used.
    setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0)
    try Runtime.start(deterministic: true)
    var checks = [recordedStepsHaveTheBitsOfSingleOperations, stepsAreTheProcessors]
    if let recorder {
      checks += [{ try aCaptureThatFailsIsGivenUp(recorder) }, { try manyRecordingsFit(recorder) }]
    }
    var failed = 0
    for check in checks {
      do {
        try check()
      } catch {
        report("fails: \(error)")
        failed += 1
      }
    }
    guard failed == 0 else { throw BenchError.impossible("\(failed) of \(checks.count) checks failed, as told above.") }
  }

  private func require(_ holds: Bool, _ text: String) throws {
    guard holds else { throw BenchError.impossible("\(text): this does not hold.") }
    report("holds: \(text)")
  }

  private func images(on device: Device) throws -> ExampleBatches {
    var images = try Workload.images(of: folder, count: 64, size: benchCase.size, device: device)
    try images.moveToDevice()
    return images
  }

  private func blocks(
    _ precision: String, on device: Device, _ recorder: CUDAGraphs?, length: Int = DeviceBlocks.length,
    draw: @escaping (Tensor) throws -> Void = { try $0.normal_() }
  ) throws -> BlockRun {
    try BlockRun(
      BenchParts(benchCase, precision: precision, device: device), images: images(on: device), batch: benchCase.batch,
      length: length, recorder: recorder, draw: draw)
  }

  private func recordedStepsHaveTheBitsOfSingleOperations() throws {
    for precision in ["fp32", "bf16"] {
      let means = try [recorder, nil].map { recorder in
        let run = try blocks(precision, on: device, recorder)
        for _ in 0..<3 { try run() }
        return try run.posterior.mean.to(device: .cpu).floats()
      }
      try require(means[0] == means[1], "\(precision): sixty recorded steps have the bits of single operations")
    }
  }

  /// By the same ε, five steps in float32: beside how far the mean has moved, what the kernels' rounding makes of it is
  /// small.
  private func stepsAreTheProcessors() throws {
    func mean(on device: Device) throws -> (start: [Float], end: [Float]) {
      var step: UInt64 = 0
      let run = try blocks("fp32", on: device, nil, length: 5) { epsilon in
        var values = [Float](repeating: 0, count: epsilon.count)
        values.withUnsafeMutableBufferPointer { NormalDraws(seed: 1, step: step).fill($0, from: 0) }
        step += 1
        try epsilon.copy_(Tensor(values, shape: epsilon.shape))
      }
      let start = try run.posterior.mean.to(device: .cpu).floats()
      try run()
      return (start, try run.posterior.mean.to(device: .cpu).floats())
    }
    let (here, there) = (try mean(on: device), try mean(on: .cpu))
    func norm(_ a: [Float], _ b: [Float]) -> Double {
      zip(a, b).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }.squareRoot()
    }
    let share = norm(here.end, there.end) / norm(there.start, there.end)
    try require(share < 1e-2, "five steps are the processor's, to \(share) of their length")
  }

  /// An operation that waits for the device is not allowed while it is recorded.
  private func aCaptureThatFailsIsGivenUp(_ recorder: CUDAGraphs) throws {
    let noise = try Tensor.zeros([1 << 20], device: device)
    var message: String?
    try recorder.withStream {
      do {
        _ = try recorder.record {
          try noise.normal_()
          _ = try (noise * 2).sum().item()
        }
      } catch let error as TorchError {
        message = error.message
      }
      try noise.normal_()
    }
    let sum = try noise.dot(noise) / Double(noise.count)
    try require(message != nil && abs(sum - 1) < 0.01, "after a capture that failed numbers are drawn as before")
    let run = try blocks("bf16", on: device, recorder)
    try run()
    try require(run.notes.isEmpty, "after a capture that failed another one succeeds")
  }

  private func manyRecordingsFit(_ recorder: CUDAGraphs) throws {
    var notes: [String] = []
    for _ in 0..<30 {
      let run = try blocks("bf16", on: device, recorder, length: DeviceBlocks.warmUp + 2)
      try run()
      notes += run.notes
    }
    try require(notes.isEmpty, "thirty graphs are recorded one after the other")
  }
}

import Backbones
import Evidence
import Torch

/// Training on a GPU in blocks of steps, between which the host is not waited for: the plan goes there and the records
/// come back once per block.
///
/// After a few steps one is recorded as a graph, and the others are its replays. What the host decides, it decides
/// between blocks: the learning rates and crops of the steps, and from σ in which precision each parameter is read;
/// where that changes the graph is recorded anew. ε comes from the device's own generator, seeded by (seed, the block's
/// first step): it is another draw than the CPU's, and a run that goes on at a block's start draws what the undisturbed
/// one drew.
package final class DeviceBlocks {
  /// Steps per block.
  package static let length = 20
  /// Steps that are taken before one is recorded: libraries choose algorithms and take memory in the first ones.
  package static let warmUp = 3

  private let step: DeviceStep
  private let posterior: GaussianPosterior
  private let vector: ParameterVector
  private let seed: UInt64
  private var recorder: (any GraphRecorder)?
  private var notes: [String] = []

  private var replay: (() throws -> Void)?
  private var taken = 0
  private var precision: [Bool] = []

  /// Blocks of a step; without a recorder every step is taken operation by operation.
  package init(
    _ step: DeviceStep, posterior: GaussianPosterior, vector: ParameterVector, seed: UInt64,
    recorder: (any GraphRecorder)?
  ) {
    (self.step, self.posterior, self.vector, self.seed) = (step, posterior, vector, seed)
    self.recorder = recorder
  }

  /// Takes the steps of a plan; the first of them has this number, counted from 0.
  ///
  /// - Returns: the outcomes in order; after one that is not applied no step has changed anything.
  package func run(_ plan: [DeviceStep.Plan], from first: Int) throws -> [VariationalStep.Outcome] {
    try Runtime.seed(seed ^ UInt64(first) &* 0xBF58_476D_1CE4_E5B9, device: posterior.mean.device)
    vector.choosePrecision(sigmas: try posterior.sigmasForPrecision())
    if vector.isReduced != precision { (replay, taken, precision) = (nil, 0, vector.isReduced) }
    try step.begin(plan)
    func takeAll() throws { for _ in plan { try takeOne() } }
    if let recorder { try recorder.withStream(takeAll) } else { try takeAll() }
    return try step.finish(plan.count)
  }

  /// What went wrong without ending the steps, since the last call.
  package func takeNotes() -> [String] {
    defer { notes = [] }
    return notes
  }

  private func takeOne() throws {
    if replay == nil, let recorder, taken >= Self.warmUp {
      do {
        replay = try recorder.record { [step] in try step.take() }
      } catch let error as TorchError {
        // Nothing of the step was done. The block is still on the recorder's stream, and goes on there.
        self.recorder = nil
        notes.append("CUDA graphs cannot be used (\(error.message)); steps go on operation by operation")
      }
    }
    if let replay { try replay() } else { try step.take() }
    taken += 1
  }
}

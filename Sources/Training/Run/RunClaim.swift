import Backbones
import Datasets
import Foundation
import Weights

/// One run's way into its folder: what lies there is looked at before anything is decoded, and nothing is written until
/// `begin`.
final class RunClaim {
  let folder: RunFolder

  private let configuration: FineTuneConfiguration
  private let overwrite: Bool
  private let interruption: Interruption?
  private var contents = RunFolder.Contents.vacant
  private var lease: Lease?

  init(
    _ folder: RunFolder, configuration: FineTuneConfiguration, overwrite: Bool, interruption: Interruption?
  ) {
    (self.folder, self.configuration, self.overwrite) = (folder, configuration, overwrite)
    self.interruption = interruption
    interruption?.preparing()
  }

  /// Gives the folder free.
  func release() {
    interruption?.ended()
    lease?.release()
    lease = nil
  }

  /// The result of the finished run of this configuration, if the folder holds it.
  ///
  /// A folder with an unfinished run is held from here on. Throws ``TrainingError`` for what must not be written to.
  func finished(
    _ data: DataIdentity, _ onEvent: (FineTuneEvent) throws -> Void
  ) throws -> FineTuneResult? {
    contents = try folder.contents()
    guard contents != .vacant else { return nil }
    if let result = try look(data) { return result }
    try acquire(onEvent)
    // While the lease was waited for, its holder may have gone on.
    contents = try folder.contents()
    return try look(data)
  }

  private func look(_ data: DataIdentity) throws -> FineTuneResult? {
    guard contents != .vacant, !overwrite else { return nil }
    try folder.checkSame(configuration, data)
    guard contents == .finished else { return nil }
    guard FileManager.default.fileExists(atPath: folder.model) else { throw folder.damaged(folder.model, "is missing") }
    // What a process leaves that was killed right after it had finished.
    CheckpointFolder(path: folder.checkpoints).remove()
    Lease.removeDead(in: folder.path)
    return try folder.readSummary()
  }

  private func acquire(_ onEvent: (FineTuneEvent) throws -> Void) throws {
    let folder = folder.path
    let lease = try Lease.acquire(folder: folder) { holder, limit in
      let who = holder?.text ?? "a process that its lease does not name"
      try onEvent(
        .note(
          "\(folder) is held by \(who), on another machine or before a restart; watching its heartbeat for \(Int(limit.seconds)) s"
        ))
    }
    self.lease = lease
    interruption?.hold(lease)
  }

  /// Takes the folder, moves an old run aside, and loads the newest checkpoint.
  ///
  /// Throws ``TrainingError`` where the disk lacks space, other pixels than then were decoded, or the folder cannot be
  /// written.
  func begin(
    _ data: DataIdentity, vocabulary: Vocabulary?, model: Model, interval: CheckpointInterval,
    start: ContinuousClock.Instant,
    _ onEvent: (FineTuneEvent) throws -> Void
  ) throws -> (keeper: RunKeeper, found: CheckpointFolder.Found?) {
    interruption?.training()
    if contents == .interrupted && !overwrite { try folder.checkSamePixels(data) }
    try folder.checkSpace(needed: configuration.bytes(for: model.network), goesOn: !overwrite)
    if contents != .vacant && overwrite {
      let moved = try folder.moveAside()
      lease?.release(movedTo: moved)
      lease = nil
      contents = .vacant
      try onEvent(.note("the run that was in \(folder.path) is now \(moved)"))
    }
    try folder.make()
    if lease == nil {
      try acquire(onEvent)
      guard try folder.contents() == .vacant else {
        throw TrainingError.notARun(path: folder.path, found: "a run that another command has begun meanwhile")
      }
    }
    guard let lease else { throw TrainingError.notWritable(path: folder.path, reason: "it is not held") }
    AtomicFile.removeTemporaries(in: folder.path)
    let checkpoints = CheckpointFolder(path: folder.checkpoints)
    if contents == .vacant || !FileManager.default.fileExists(atPath: folder.data) {
      try folder.begin(configuration, data, vocabulary: vocabulary)
    }
    try checkpoints.prepare()
    let found = try checkpoints.newest(
      for: model, metricsBytes: folder.metricsBytes, within: configuration
    ) { try onEvent(.note($0)) }
    let keeper = try RunKeeper(
      folder, from: found, model: model, configuration: configuration, interval: interval, lease: lease,
      interruption: interruption, start: start)
    if contents == .interrupted {
      let place = found == nil ? "from its first step: there is no checkpoint" : "after \(keeper.progress)"
      try onEvent(.note("\(folder.path) holds an interrupted run with the same configuration; it goes on \(place)"))
    }
    return (keeper, found)
  }
}

extension FineTuneConfiguration {
  /// About the bytes that a run's files take: two checkpoints and one in the making, the candidates that a race keeps,
  /// the best candidates' files, the model, and what metrics and events tell of each step.
  fileprivate func bytes(for network: Network) -> Int {
    let tensors = network.layout.slices.count + network.buffers.slices.count
    let buffers = 4 * network.buffers.slices.map { $0.shape.reduce(1, *) }.reduce(0, +)
    // With a σ of its own each parameter has two numbers.
    let posteriorBytes = (posterior == .diagonal ? 2 : 1) * 4 * network.layout.totalCount
    let header = 200 * tensors + 4096
    // The velocities are as large as the posterior.
    let checkpoint = 2 * posteriorBytes + buffers + 2 * header
    // A best candidate's file; model.safetensors and posterior.safetensors together are as large.
    let draws = hasPosterior && drawStatistics == .own ? evidenceSamples : 0
    let result = posteriorBytes + buffers + header + draws * (buffers + 200 * network.buffers.slices.count)
    guard race == true else {
      return 3 * checkpoint + (learningRates.count > 1 ? 4 : 2) * result + 1100 * steps * learningRates.count
    }
    // All candidates at the first rung, two at the second; all but one are on their way for less than half a run.
    return (3 + learningRates.count + 2) * checkpoint + 2 * result + 1100 * steps * (learningRates.count + 1) / 2
  }
}

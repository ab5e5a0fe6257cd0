import Backbones
import Foundation
import Support
import Weights

/// A run's `checkpoints`: the last two checkpoints, and the files that they refer to: the best learning rate's, and
/// those of a race's candidates at their rungs.
package struct CheckpointFolder {
  /// How many are kept: the newest, and the one that is used where the newest is damaged.
  static let kept = 2

  let path: String

  /// The folder of a run; nothing is read or written.
  package init(path: String) { self.path = path }

  /// What a run goes on from.
  struct Found {
    var checkpoint: Checkpoint
    var best: Candidate?
    /// The checkpoint's file.
    var file: String
  }

  private func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Sorted by name they are sorted by progress; of a race by its legs, as a candidate has several.
  private static func name(_ state: Checkpoint.State) -> String {
    let leg = state.race.map { String(format: "leg-%02d-", $0.legsDone + 1) } ?? ""
    return leg + String(format: "candidate-%02d-step-%09d.safetensors", state.candidate + 1, state.step)
  }

  /// Throws `WeightsError.unreadable` where the folder cannot be listed, which is not to have none.
  private func checkpoints() throws(WeightsError) -> [String] {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: path)
    } catch {
      throw .unreadable(path: path, reason: error.localizedDescription)
    }
    return names.filter { name in
      ["candidate-", "leg-"].contains { name.hasPrefix($0) } && name.hasSuffix(".safetensors")
    }.sorted()
  }

  /// Makes the folder, and removes what killed processes left unfinished in it.
  func prepare() throws {
    guard mkdir(path, 0o777) == 0 || errno == EEXIST else {
      throw TrainingError.notWritable(path: path, reason: systemMessage())
    }
    AtomicFile.removeTemporaries(in: path)
  }

  /// Writes a checkpoint; older ones than the last two go, with the files that only they refer to.
  ///
  /// - Returns: its file. Throws `AtomicFileError`; all that was there is then still there.
  func save(_ checkpoint: Checkpoint, network: Network) throws -> String {
    let name = Self.name(checkpoint.state)
    try checkpoint.write(to: file(name), network: network)
    // The checkpoint is written: where the folder cannot be listed, older ones stay for longer.
    let old = ((try? checkpoints()) ?? []).filter { $0 < name }.dropLast(Self.kept - 1)
    for name in old { unlink(file(name)) }
    if !old.isEmpty { removeUnused() }
    return file(name)
  }

  /// Writes a learning rate that is done and the best so far.
  ///
  /// - Returns: its name. Throws `AtomicFileError`.
  func saveBest(_ candidate: Candidate, index: Int, network: Network) throws -> String {
    let name = String(format: "best-%02d.safetensors", index + 1)
    try BestCandidateFile.write(candidate, to: file(name), network: network)
    return name
  }

  /// Keeps a candidate of a race at its rung's step.
  ///
  /// - Returns: its name. Throws `AtomicFileError`.
  func keep(_ candidate: Checkpoint, leg: Int, network: Network) throws -> String {
    let name = String(format: "kept-%02d.safetensors", leg + 1)
    try candidate.write(to: file(name), network: network)
    return name
  }

  /// The training of a candidate that was kept.
  func kept(_ name: String, network: Network) throws -> Checkpoint.Snapshot? {
    try Checkpoint(path: file(name), network: network).snapshot
  }

  /// Removes the files that no checkpoint refers to; none as long as one of these cannot be read, and may need them.
  package func removeUnused() {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    let unused = Set(
      names.filter { name in
        ["best-", "kept-"].contains { name.hasPrefix($0) } && name.hasSuffix(".safetensors")
      })
    let used = try? checkpoints().flatMap { name -> [String] in
      let text = try SafetensorsFile(path: file(name)).metadata["state"] ?? ""
      return try JSON.decode(Checkpoint.State.self, from: Data(text.utf8)).files
    }
    guard let used else { return }
    for name in unused.subtracting(used) { unlink(file(name)) }
  }

  /// The newest checkpoint that is whole, with the best learning rate's file; nil where there is none.
  ///
  /// `metricsBytes` is the length of `metrics.jsonl`, which must reach as far as the checkpoint's. What is damaged is
  /// renamed to `….damaged` and told. Throws `WeightsError.unreadable` for a file that is there and that the system
  /// does not let read now: it may be whole, and stays where it is.
  func newest(
    for model: Model, metricsBytes: Int, within configuration: FineTuneConfiguration,
    onNote: (String) throws -> Void
  ) throws -> Found? {
    let names = try checkpoints()
    for name in names.reversed() {
      do {
        let checkpoint = try Checkpoint(path: file(name), network: model.network)
        guard (0...configuration.learningRates.count).contains(checkpoint.state.candidate),
          (0...configuration.steps).contains(checkpoint.state.step),
          (checkpoint.state.race != nil) == (configuration.race == true)
        else { throw WeightsError.malformed(path: file(name), problem: "it is of another configuration") }
        guard checkpoint.state.metricsBytes <= metricsBytes else {
          throw WeightsError.malformed(
            path: file(name),
            problem: "metrics.jsonl has \(metricsBytes) bytes, but had \(checkpoint.state.metricsBytes) with it")
        }
        for kept in (checkpoint.state.race?.kept ?? []).compactMap(\.self) {
          try SafetensorsFile(path: file(kept)).verifyChecksum()
        }
        if checkpoint.clipsRhoGradients, configuration.hasPosterior, configuration.sigmaUpdate == .own {
          try onNote(
            "the run was begun by an older version, whose σ was learned otherwise up to here: its result is that of neither. "
              + "--overwrite begins it anew")
        }
        let best = try checkpoint.state.best.map { try BestCandidateFile.read(file($0), like: model) }
        return Found(checkpoint: checkpoint, best: best, file: file(name))
      } catch let error as WeightsError {
        if case .unreadable(let path, _) = error, !Self.isMissing(path) { throw error }
        let kept = setAside(name)
        let rest = name == names.first ? "No other is left: training starts again" : "The one before it is used"
        try onNote("a checkpoint is damaged: \(error.fault). \(kept). \(rest)")
      }
    }
    return nil
  }

  private static func isMissing(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) != 0 && errno == ENOENT
  }

  /// Renames a damaged checkpoint, and says where it is.
  private func setAside(_ name: String) -> String {
    var target = file(name + ".damaged")
    var number = 2
    while FileManager.default.fileExists(atPath: target) {
      target = file("\(name).damaged-\(number)")
      number += 1
    }
    guard rename(file(name), target) == 0 else { return "It stays where it is (\(systemMessage()))" }
    return "It is kept as \(target)"
  }

  /// Removes the checkpoints of a finished run; damaged ones stay.
  func remove() {
    for name in (try? checkpoints()) ?? [] { unlink(file(name)) }
    removeUnused()
    AtomicFile.removeTemporaries(in: path)
    rmdir(path)
  }
}

extension WeightsError {
  /// The file and what is wrong with it, without advice.
  fileprivate var fault: String {
    switch self {
    case .unreadable(let path, let reason): "\(path) (\(reason))"
    case .malformed(let path, let problem), .unwritable(let path, let problem), .pyTorch(let path, let problem, _),
      .unusable(let path, let problem, _):
      "\(path) (\(problem))"
    case .noTensor(let path, let name): "\(path) (no tensor '\(name)')"
    }
  }
}

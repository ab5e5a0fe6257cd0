import Datasets
import Foundation
import Support
import Weights

/// A run on disk: `config.json`, `data.json`, `metrics.jsonl`, an event file for TensorBoard, `checkpoints`,
/// `model.safetensors`, `README.md`, `summary.json`.
///
/// `config.json` makes the folder a run. `summary.json` is written last: a folder that has it holds a finished run.
public struct RunFolder: Sendable {
  /// The folder.
  public let path: String

  /// Names a folder; nothing is read or written.
  public init(_ path: String) { self.path = path }

  /// The resolved configuration.
  public var configuration: String { file("config.json") }
  /// One JSON object per line, as training goes on.
  public var metrics: String { file("metrics.jsonl") }
  /// What TensorBoard reads, as training goes on.
  public var events: String { file("events.out.tfevents.gridless") }
  /// The posterior mean, with λ, τ, σ, κ, the classes and the preprocessing in its metadata.
  public var model: String { file("model.safetensors") }
  /// The word pieces of a network of texts, one token a line.
  public var vocabulary: String { file("vocab.txt") }
  /// What predictions averaged over the posterior need beside the mean.
  public var posterior: String { file("posterior.safetensors") }
  /// What the model is, for people.
  public var card: String { file("README.md") }
  /// The result.
  public var summary: String { file("summary.json") }
  /// What identifies the data and the weights that the run began with.
  public var data: String { file("data.json") }
  /// Where an unfinished run goes on from; a finished one has none.
  public var checkpoints: String { file("checkpoints") }

  /// The length of `metrics.jsonl`, 0 where there is none.
  var metricsBytes: Int {
    var status = stat()
    return stat(metrics, &status) == 0 ? Int(status.st_size) : 0
  }

  private func file(_ name: String) -> String { (path as NSString).appendingPathComponent(name) }

  /// What lies at the path.
  enum Contents: Equatable {
    /// Nothing, or no more than a process that was killed before it began leaves.
    case vacant
    case interrupted
    case finished
  }

  /// Looks at the folder; nothing is written.
  ///
  /// Throws ``TrainingError`` for a folder that cannot be written and one with other contents.
  func contents() throws -> Contents {
    switch FileKind(path) {
    case .missing:
      try checkWritable(parent: URL(fileURLWithPath: path).deletingLastPathComponent().path)
      return .vacant
    case .file, .other: throw TrainingError.notARun(path: path, found: "a file")
    case .folder: break
    }
    let names = try names()
    try checkWritable(parent: path)
    if FileManager.default.fileExists(atPath: configuration) {
      return FileManager.default.fileExists(atPath: summary) ? .finished : .interrupted
    }
    let own: Set = ["lease", "data.json", "trial.json", "vocab.txt"]
    let foreign = names.filter { !own.contains($0) && !AtomicFile.isTemporary($0) }
    guard foreign.isEmpty else {
      throw TrainingError.notARun(path: path, found: foreign.sorted().prefix(3).joined(separator: ", "))
    }
    return .vacant
  }

  /// The names in the folder; throws ``TrainingError/notWritable(path:reason:)`` where it cannot be listed.
  package func names() throws(TrainingError) -> [String] {
    do {
      return try FileManager.default.contentsOfDirectory(atPath: path)
    } catch {
      throw .notWritable(path: path, reason: "it cannot be listed: \(error.localizedDescription)")
    }
  }

  /// Refuses another run than the one in this folder.
  ///
  /// Throws ``TrainingError/otherConfiguration(path:differences:)``, ``TrainingError/changedData(path:differences:)``
  /// (as far as the listing tells), and ``TrainingError/notARun(path:found:)`` where a file cannot be read.
  func checkSame(_ configuration: FineTuneConfiguration, _ data: DataIdentity) throws {
    let content = FileManager.default.contents(atPath: self.configuration) ?? Data()
    guard let differences = try? configuration.differences(fromFile: content) else {
      throw TrainingError.notARun(path: path, found: "a config.json that cannot be read")
    }
    let dataDifferences = try readData().map(data.listedDifferences(from:)) ?? []
    guard differences.isEmpty else {
      throw TrainingError.otherConfiguration(path: path, differences: differences + dataDifferences)
    }
    guard dataDifferences.isEmpty else { throw TrainingError.changedData(path: path, differences: dataDifferences) }
  }

  /// Refuses data whose pixels or tokens are not those that the run began with, in splits that were decoded.
  func checkSamePixels(_ data: DataIdentity, of splits: [Split] = Split.allCases) throws {
    let differences = try readData().map { data.pixelDifferences(from: $0, of: splits) } ?? []
    guard differences.isEmpty else { throw TrainingError.changedData(path: path, differences: differences) }
  }

  /// Nil for runs of older versions, which did not write it.
  private func readData() throws -> DataIdentity? {
    guard FileManager.default.fileExists(atPath: data) else { return nil }
    guard let content = FileManager.default.contents(atPath: data),
      let found = try? JSON.decode(DataIdentity.self, from: content)
    else { throw TrainingError.notARun(path: path, found: "a data.json that this version cannot read") }
    return found
  }

  /// The nearest folder that exists must accept a new entry; `access` says so without leaving a trace.
  private func checkWritable(parent: String) throws(TrainingError) {
    let folder = nearestFolder(URL(fileURLWithPath: parent))
    guard FileKind(folder.path) == .folder else {
      throw .notWritable(path: path, reason: "\(folder.lastPathComponent) is not a folder")
    }
    guard access(folder.path, W_OK | X_OK) == 0 else {
      throw .notWritable(path: path, reason: systemMessage())
    }
  }

  private func nearestFolder(_ start: URL) -> URL {
    var folder = start
    while !FileManager.default.fileExists(atPath: folder.path), folder.path != "/" { folder.deleteLastPathComponent() }
    return folder
  }

  private var bytesHeld: Int {
    let keys: Set<URLResourceKey> = [.fileSizeKey]
    let files = FileManager.default.enumerator(at: URL(fileURLWithPath: path), includingPropertiesForKeys: Array(keys))
    return files?.compactMap { try? ($0 as? URL)?.resourceValues(forKeys: keys).fileSize }.reduce(0, +) ?? 0
  }

  /// Refuses a disk that lacks `needed` bytes.
  ///
  /// Those that the folder holds already count where the run `goesOn` with them.
  func checkSpace(needed: Int, goesOn: Bool) throws(TrainingError) {
    guard let available = FreeSpace.bytes(at: nearestFolder(URL(fileURLWithPath: path)).path) else { return }
    let held = goesOn ? bytesHeld : 0
    if needed - held > available { throw .noSpace(path: path, needed: needed - held, available: available) }
  }

  /// Makes the folder, and those above it, and where it is to outlast a crash (`isDurable`) forces them to disk.
  ///
  /// Throws ``TrainingError/notWritable(path:reason:)``, and `AtomicFileError` where the disk fails.
  package func make(isDurable: Bool = true) throws {
    var folder = URL(fileURLWithPath: path).absoluteURL.standardizedFileURL
    let standing = nearestFolder(folder.deletingLastPathComponent()).pathComponents.count
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? POSIXError
      let reason = cause.map { systemMessage($0.code.rawValue) } ?? error.localizedDescription
      throw TrainingError.notWritable(path: path, reason: reason)
    }
    guard isDurable else { return }
    repeat {
      folder.deleteLastPathComponent()
      try AtomicFile.syncFolder(folder.path)
    } while folder.pathComponents.count > standing
  }

  /// Writes what a run begins with; the configuration last, as it makes the folder a run.
  func begin(_ configuration: FineTuneConfiguration, _ data: DataIdentity, vocabulary: Vocabulary?) throws {
    if let vocabulary { try AtomicFile.write(vocabulary.file, to: self.vocabulary) }
    try AtomicFile.write(Data((JSON.line(data) + "\n").utf8), to: self.data)
    try AtomicFile.write(JSON.document(configuration), to: self.configuration)
  }

  /// Renames the folder to the first of `PATH.old-1`, `PATH.old-2`, … that is free.
  ///
  /// - Returns: the new path.
  func moveAside() throws(TrainingError) -> String {
    let base = withoutTrailingSlashes(path)
    var number = 1
    while FileManager.default.fileExists(atPath: "\(base).old-\(number)") { number += 1 }
    let target = "\(base).old-\(number)"
    guard rename(base, target) == 0 else {
      throw .notWritable(path: path, reason: "it cannot be renamed to \(target): \(systemMessage())")
    }
    return target
  }

  /// The configuration of the run in this folder.
  public func readConfiguration() throws -> FineTuneConfiguration {
    guard let data = FileManager.default.contents(atPath: configuration) else {
      throw TrainingError.unreadableRun(path: path, reason: "no config.json, so not a run folder")
    }
    guard let found = try? JSON.decode(FineTuneConfiguration.self, from: data) else {
      throw damaged(configuration)
    }
    return found
  }

  /// The result of the finished run in this folder.
  public func readSummary() throws -> FineTuneResult {
    guard let data = FileManager.default.contents(atPath: summary) else {
      throw TrainingError.unreadableRun(path: path, reason: "no summary.json, so not a finished run")
    }
    guard let result = try? JSON.decode(FineTuneResult.self, from: data) else { throw damaged(summary) }
    return result
  }

  /// Reads one of the folder's files of weights.
  ///
  /// Throws ``TrainingError/damagedRun(path:file:reason:)`` for one that is gone or not sound.
  func reading<Result>(_ file: String, _ body: (String) throws -> Result) throws -> Result {
    guard FileManager.default.fileExists(atPath: file) else { throw damaged(file, "is missing") }
    do {
      return try body(file)
    } catch WeightsError.malformed(_, let problem) {
      throw damaged(file, "is damaged (\(problem))")
    }
  }

  /// What is said of one of the folder's files.
  func damaged(_ file: String, _ reason: String = "is damaged") -> TrainingError {
    .damagedRun(path: path, file: (file as NSString).lastPathComponent, reason: reason)
  }
}

import Foundation
import Weights

/// A run on disk: `config.json`, `metrics.jsonl`, `model.safetensors`, `summary.json`.
///
/// `summary.json` is written last: a folder that has it holds a finished run.
public struct RunFolder: Sendable {
  /// The folder.
  public let path: String

  /// Names a folder; nothing is read or written.
  public init(_ path: String) { self.path = path }

  /// The resolved configuration.
  public var configuration: String { file("config.json") }
  /// One JSON object per line, as training goes on.
  public var metrics: String { file("metrics.jsonl") }
  /// The posterior mean, with λ, τ, σ, κ, the classes and the preprocessing in its metadata.
  public var model: String { file("model.safetensors") }
  /// The result.
  public var summary: String { file("summary.json") }

  private func file(_ name: String) -> String { (path as NSString).appendingPathComponent(name) }

  /// Whether a run was interrupted here; refuses a folder that a run with this configuration must not write to.
  ///
  /// Nothing is written. Throws ``TrainingError`` for a finished run, a run with another configuration, and a folder with
  /// other contents.
  func checkAvailable(for wanted: FineTuneConfiguration) throws -> Bool {
    let manager = FileManager.default
    var isDirectory: ObjCBool = false
    guard manager.fileExists(atPath: path, isDirectory: &isDirectory) else {
      try checkWritable(parent: URL(fileURLWithPath: path).deletingLastPathComponent().path)
      return false
    }
    guard isDirectory.boolValue else { throw TrainingError.notARun(path: path, found: "a file") }
    let contents = try manager.contentsOfDirectory(atPath: path)
    try checkWritable(parent: path)
    guard !contents.isEmpty else { return false }
    guard manager.fileExists(atPath: configuration) else {
      throw TrainingError.notARun(path: path, found: contents.sorted().prefix(3).joined(separator: ", "))
    }
    if manager.fileExists(atPath: summary) { throw TrainingError.finishedRun(path: path) }
    let data = try Data(contentsOf: URL(fileURLWithPath: configuration))
    guard let found = try? JSON.decode(FineTuneConfiguration.self, from: data) else {
      throw TrainingError.notARun(path: path, found: "a config.json that this version cannot read")
    }
    let differences = try wanted.differences(from: found)
    guard differences.isEmpty else { throw TrainingError.otherConfiguration(path: path, differences: differences) }
    return true
  }

  /// The nearest folder that exists must accept a new entry; `access` says so without leaving a trace.
  private func checkWritable(parent: String) throws(TrainingError) {
    var folder = URL(fileURLWithPath: parent)
    while !FileManager.default.fileExists(atPath: folder.path), folder.path != "/" { folder.deleteLastPathComponent() }
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: folder.path, isDirectory: &isDirectory), isDirectory.boolValue else {
      throw .notWritable(path: path, reason: "\(folder.lastPathComponent) is not a folder")
    }
    guard access(folder.path, W_OK | X_OK) == 0 else {
      throw .notWritable(path: path, reason: String(cString: strerror(errno)))
    }
  }

  /// Makes the folder and writes the configuration.
  func create(_ configuration: FineTuneConfiguration) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? POSIXError
      let reason = cause.map { String(cString: strerror($0.code.rawValue)) } ?? error.localizedDescription
      throw TrainingError.notWritable(path: path, reason: reason)
    }
    try AtomicFile.write(JSON.document(configuration), to: self.configuration)
  }

  /// The configuration of the run in this folder.
  public func readConfiguration() throws -> FineTuneConfiguration {
    guard let data = FileManager.default.contents(atPath: configuration) else {
      throw TrainingError.unreadableRun(path: path, reason: "no config.json, so not a run folder")
    }
    return try JSON.decode(FineTuneConfiguration.self, from: data)
  }
}

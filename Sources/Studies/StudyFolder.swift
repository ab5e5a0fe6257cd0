import Foundation
import Support
import Training
import Weights

/// A study on disk: `study.json`, and in `trials` a run folder with a `trial.json` for each trial.
///
/// While a process works on a trial, it holds `claims/<id>`; `lease` is held for the moment in which one is claimed or
/// ends. `log.jsonl` has a line for each trial that ended, with the process that ended it.
public struct StudyFolder: Sendable {
  /// The folder.
  public let path: String

  /// Names a folder; nothing is read or written.
  public init(_ path: String) { self.path = path }

  /// The options.
  public var configurationFile: String { file("study.json") }
  /// A line for each trial that ended, in order.
  public var log: String { file("log.jsonl") }
  private var trials: String { file("trials") }

  private func file(_ name: String) -> String { (path as NSString).appendingPathComponent(name) }

  /// The run folder of a trial.
  public func run(of id: String) -> RunFolder { RunFolder("\(trials)/\(id)") }

  private func record(of id: String) -> String { "\(trials)/\(id)/trial.json" }

  package func claim(of id: String) -> String { file("claims/\(id)") }

  // MARK: Reading

  /// The study's options.
  ///
  /// Throws ``StudyError/unreadableStudy(path:reason:)``.
  public var configuration: StudyConfiguration {
    get throws {
      guard let data = FileManager.default.contents(atPath: configurationFile) else {
        throw StudyError.unreadableStudy(path: path, reason: "no study.json, so not a study")
      }
      do {
        return try JSON.decode(StudyConfiguration.self, from: data)
      } catch {
        throw StudyError.unreadableStudy(path: configurationFile, reason: "cannot be read (\(error))")
      }
    }
  }

  /// Every trial that has begun, by name.
  ///
  /// Throws ``StudyError/unreadableTrial(path:reason:)``, and ``StudyError/unreadableStudy(path:reason:)`` where they
  /// cannot be listed: a trial that is not seen would be made again over what it left.
  public func records() throws -> [TrialRecord] {
    var cache: [String: TrialRecord] = [:]
    return try records(&cache)
  }

  /// As ``records()``; those that have ended are read once.
  package func records(_ cache: inout [String: TrialRecord]) throws -> [TrialRecord] {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: trials)
    } catch {
      throw StudyError.unreadableStudy(path: trials, reason: "cannot be listed (\(error.localizedDescription))")
    }
    return try names.sorted().compactMap { id in
      if let known = cache[id] { return known }
      guard let record = try read(id) else { return nil }
      if record.hasEnded { cache[id] = record }
      return record
    }
  }

  /// A trial's record; nil where a process was killed before it wrote one.
  private func read(_ id: String) throws -> TrialRecord? {
    guard let data = FileManager.default.contents(atPath: record(of: id)) else {
      let found = (try? FileManager.default.contentsOfDirectory(atPath: "\(trials)/\(id)")) ?? []
      if found.allSatisfy(AtomicFile.isTemporary) { return nil }
      throw StudyError.unreadableTrial(path: "\(trials)/\(id)", reason: "has no trial.json")
    }
    do {
      let record = try JSON.decode(TrialRecord.self, from: data)
      if record.id == id { return record }
      throw StudyError.unreadableTrial(path: self.record(of: id), reason: "is that of the trial \(record.id)")
    } catch let error as DecodingError {
      throw StudyError.unreadableTrial(path: record(of: id), reason: "cannot be read (\(Self.reason(error)))")
    }
  }

  private static func reason(_ error: DecodingError) -> String {
    switch error {
    case .keyNotFound(let key, _): "\(key.stringValue) is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
      ([context.codingPath.map(\.stringValue).joined(separator: ".")].filter { !$0.isEmpty }
        + [context.debugDescription]).joined(separator: ": ")
    @unknown default: "\(error)"
    }
  }

  // MARK: Writing

  /// Makes the folder a study with these options, or checks that it is one.
  ///
  /// Throws ``StudyError/otherConfiguration(path:differences:)`` and ``StudyError/notAStudy(path:found:)``.
  package func begin(_ configuration: StudyConfiguration) throws {
    try checkVacantOrStudy()
    try RunFolder(trials).make()
    try locked {
      guard let content = FileManager.default.contents(atPath: configurationFile) else {
        guard !FileManager.default.fileExists(atPath: configurationFile) else {
          throw StudyError.notAStudy(path: path, found: "a study.json that cannot be read")
        }
        try AtomicFile.write(JSON.document(configuration), to: configurationFile)
        return
      }
      guard let differences = try? configuration.differences(fromFile: content) else {
        throw StudyError.notAStudy(path: path, found: "a study.json that cannot be read")
      }
      guard differences.isEmpty else { throw StudyError.otherConfiguration(path: path, differences: differences) }
    }
  }

  private func checkVacantOrStudy() throws {
    switch FileKind(path) {
    case .missing: return
    case .folder: if FileKind(configurationFile) != .missing { return }
    case .file, .other: throw StudyError.notAStudy(path: path, found: "a file")
    }
    let own: Set = ["lease", "trials"]
    let names = try RunFolder(path).names()
    let foreign = names.filter { !own.contains($0) && !AtomicFile.isTemporary($0) }.sorted()
    guard foreign.isEmpty else {
      throw StudyError.notAStudy(path: path, found: foreign.prefix(3).joined(separator: ", "))
    }
  }

  /// Writes a trial's record; the caller holds its claim.
  package func write(_ record: TrialRecord) throws {
    try RunFolder("\(trials)/\(record.id)").make()
    try AtomicFile.write(JSON.document(record), to: self.record(of: record.id))
  }

  /// Removes what the runs that a search chose among no longer need: their networks, also of one that diverged.
  func removeModel(of id: String) {
    let run = run(of: id)
    for file in [run.model, run.posterior] { unlink(file) }
    if FileManager.default.fileExists(atPath: run.checkpoints) {
      try? FileManager.default.removeItem(atPath: run.checkpoints)
    }
  }

  /// Adds a line about a trial that ended; the caller holds the study.
  func note(_ record: TrialRecord) throws {
    struct Line: Encodable {
      var event = "ended"
      var id: String
      var status: TrialRecord.Status
      var host = ProcessInfo.processInfo.hostName
      var pid = getpid()
      var at = Date().ISO8601Format()
    }
    let line = try JSON.line(Line(id: record.id, status: record.status)) + "\n"
    let descriptor = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw TrainingError.notWritable(path: log, reason: systemMessage()) }
    defer { close(descriptor) }
    guard AtomicFile.writeAll(Data(line.utf8), to: descriptor) == 0 else {
      throw TrainingError.notWritable(path: log, reason: systemMessage())
    }
  }

  // MARK: Holding

  /// Does `body` while no other process claims or ends a trial.
  package func locked<Result>(_ body: () throws -> Result) throws -> Result {
    let lease = try hold()
    defer { lease.release() }
    return try body()
  }

  private func hold() throws -> Lease {
    var failures = 0
    while true {
      do {
        return try Lease.acquire(folder: path)
      } catch TrainingError.held {
        usleep(20_000)
      } catch TrainingError.notWritable where failures < 20 && access(path, W_OK) == 0 {
        // Under much contention the lease changes hands faster than it is looked at.
        failures += 1
        usleep(50_000)
      }
    }
  }

  /// Holds a trial, if no other process does; one that holds it elsewhere is watched, if `watches`.
  ///
  /// - Returns: nil where another process holds it.
  package func claim(_ id: String, watches: Bool = false) throws -> Lease? {
    let folder = claim(of: id)
    if Lease.isHeldHere(folder) || (!watches && !Lease.isFree(folder)) { return nil }
    var failures = 0
    while true {
      // Waiting processes come here several times a second, and after a crash nobody holds anything.
      try RunFolder(folder).make(isDurable: false)
      do {
        return try Lease.acquire(folder: folder)
      } catch TrainingError.held {
        return nil
      } catch TrainingError.notWritable where failures < 20 && access(path, W_OK) == 0 {
        // Another process that gave the trial free removed the folder after it was made.
        failures += 1
      }
    }
  }

  /// Gives a trial free.
  package func release(_ lease: Lease, of id: String) {
    lease.release()
    rmdir(claim(of: id))
  }
}

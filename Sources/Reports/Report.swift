import Datasets
import Foundation
import Studies
import Support
import Torch
import Training
import Weights

/// One self-contained page about a run or a study.
///
/// ```swift
/// let path = try Report("runs/flowers").write()
/// ```
public struct Report {
  /// The run's or the study's folder.
  public let folder: String
  /// Where a run's data lies now; nil for where its configuration says.
  public var data: String?
  /// The most mistakes to show; with 0 the data is not read.
  public var mistakes = 24
  /// Where the test examples are predicted again.
  public var device = DeviceChoice.auto
  /// Threads of libtorch's operations; nil for one per core.
  public var threads: Int?

  /// Whether a file is replaced that is named as the page to write; ``defaultPath`` is replaced anyway.
  public var overwrite = false

  /// A report about a folder; nothing is read yet.
  public init(_ folder: String) { self.folder = folder }

  /// Where a report is written unless another place is named: `report.html` in the folder.
  public var defaultPath: String { (folder as NSString).appendingPathComponent("report.html") }

  /// Writes the page, whole or not at all, and returns its path.
  ///
  /// What a run does not have is told on the page; missing mistakes also to `onEvent`. Throws ``ReportError`` for a
  /// folder that is neither a run's nor a study's, `DatasetError.notFound` for ``data`` that are not there, the errors
  /// of reading `config.json` and `summary.json`, `StudyError` for a study or a trial that cannot be read,
  /// `TrainingError.exists` and `notWritable` for the page, and `AtomicFileError`.
  @discardableResult
  public func write(to path: String? = nil, onEvent: (FineTuneEvent) throws -> Void = { _ in }) throws -> String {
    if let path {
      try OutputFile.check(path, overwrite: overwrite)
    } else if FileKind(folder) == .folder {
      try OutputFile.check(defaultPath, overwrite: true)
    }
    let path = path ?? defaultPath
    try AtomicFile.write(html(onEvent: onEvent), to: path)
    return path
  }

  /// The page's bytes.
  public func html(onEvent: (FineTuneEvent) throws -> Void = { _ in }) throws -> Data {
    let files = FileManager.default
    switch FileKind(folder) {
    case .folder: break
    case .missing: throw ReportError.nothingToReport(path: folder, found: "nothing")
    case .file, .other: throw ReportError.nothingToReport(path: folder, found: "a file")
    }
    if let data, !files.fileExists(atPath: data) { throw DatasetError.notFound(path: data) }
    let run = RunFolder(folder)
    if files.fileExists(atPath: run.configuration) { return try page(of: run, onEvent).html() }
    let study = StudyFolder(folder)
    guard files.fileExists(atPath: study.configurationFile) else {
      throw ReportError.nothingToReport(path: folder, found: "neither config.json nor study.json")
    }
    return try StudyReport(content: StudyContent(study)).page().html()
  }

  private func page(of run: RunFolder, _ onEvent: (FineTuneEvent) throws -> Void) throws -> Page {
    var report = RunReport(content: try RunContent(run))
    let result = report.content.result
    guard mistakes > 0, result?.test != nil || result?.testRegression != nil else { return report.page() }
    do {
      report.predictions = try predictions(of: run, report.content.configuration) { event in
        do { try onEvent(event) } catch { throw NotTold(cause: error) }
      }
    } catch let error as NotTold {
      throw error.cause
    } catch {
      report.missingPredictions = "The mistakes are not shown: \(error)"
      try onEvent(.note("the mistakes are not shown: \(error)"))
    }
    return report.page()
  }

  /// What listened to the report failed.
  private struct NotTold: Error {
    var cause: any Error
  }

  private func predictions(
    of run: RunFolder, _ configuration: FineTuneConfiguration, _ onEvent: (FineTuneEvent) throws -> Void
  ) throws -> TestPredictions {
    let data = data ?? configuration.data
    guard FileManager.default.fileExists(atPath: data) else { throw ReportError.dataMoved(path: data) }
    try Runtime.start(threads: threads)
    return try TestPredictions(
      of: run, data: data, device: try device.resolved(), most: mistakes, skipUnreadable: configuration.skipUnreadable,
      onEvent: onEvent)
  }
}

/// Why no report can be made.
public enum ReportError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The path is neither a run's folder nor a study's.
  case nothingToReport(path: String, found: String)
  /// The data of a run is no longer where it was; the page is made without its mistakes.
  case dataMoved(path: String)

  /// What was found, what was expected, and what to do.
  public var description: String {
    switch self {
    case .nothingToReport(let path, let found):
      "\(path): found \(found); expected a run's folder (with config.json) or a study's (with study.json). Pass the folder that was given to finetune or compare as --out."
    case .dataMoved(let path): "there is no \(path) here. gridless report --data names the data's place."
    }
  }
}

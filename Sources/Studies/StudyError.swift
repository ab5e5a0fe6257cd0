/// Why a study cannot begin or go on.
public enum StudyError: Error, Sendable, Equatable, CustomStringConvertible {
  /// An option, or two, without a meaning.
  case invalidOption(String)
  /// The folder holds a study with other options; each difference is one line.
  case otherConfiguration(path: String, differences: [String])
  /// The folder holds something else.
  case notAStudy(path: String, found: String)
  /// A folder without a readable `study.json`.
  case unreadableStudy(path: String, reason: String)
  /// A trial's folder without a readable `trial.json`.
  case unreadableTrial(path: String, reason: String)
  /// A stop was requested between two trials.
  case interrupted(path: String)

  /// What was found, what was expected, and what to do.
  public var description: String {
    switch self {
    case .invalidOption(let message): message
    case .otherConfiguration(let path, let differences):
      "\(path): holds a study with other options:\n\(differences.map { "  \($0)" }.joined(separator: "\n"))\nPass another --out, or the same arguments."
    case .notAStudy(let path, let found):
      "\(path): expected a new or empty folder, found \(found). Pass another --out."
    case .unreadableStudy(let path, let reason):
      "\(path): \(reason). Pass the folder that was given to compare --out."
    case .unreadableTrial(let path, let reason):
      "\(path): \(reason). Remove this trial's folder, and the study makes it again."
    case .interrupted(let path): "\(path): interrupted between two runs. The same command goes on."
    }
  }
}

import Foundation

/// Why a run cannot start or go on.
public enum TrainingError: Error, Sendable, Equatable, CustomStringConvertible {
  /// A number in the configuration that has no meaning.
  case invalidOption(String)
  /// A term of the objective is NaN or infinite.
  case diverged(term: String, step: Int, learningRate: Double)
  /// Every learning rate of the search diverged.
  case allCandidatesDiverged([Double])
  /// A GPU was asked for and there is none.
  case noGPU(reason: String)
  /// An image given to `predict` that cannot be read.
  case unreadableImage(path: String, reason: String)
  /// The output folder holds a finished run.
  case finishedRun(path: String)
  /// The output folder holds a run with another configuration; each difference is one line.
  case otherConfiguration(path: String, differences: [String])
  /// The output folder holds something that is not a run.
  case notARun(path: String, found: String)
  /// A folder or file could not be written.
  case notWritable(path: String, reason: String)
  /// A run folder without a readable result.
  case unreadableRun(path: String, reason: String)

  /// What was found, what was expected, and what to do.
  public var description: String {
    switch self {
    case .invalidOption(let message): message
    case .diverged(let term, let step, let learningRate):
      "the \(term) is not finite at step \(step) with learning rate \(learningRate). Pass a smaller --lr, or --lr auto, which lets a rate that diverges lose."
    case .allCandidatesDiverged(let rates):
      "training diverged at every learning rate (\(rates.map { "\($0)" }.joined(separator: ", "))). Check that the weights fit the model and the images its preprocessing, or pass a smaller --lr."
    case .noGPU(let reason):
      "--device cuda: no GPU found (\(reason)). Pass --device cpu, or see gridless doctor."
    case .unreadableImage(let path, let reason):
      "\(path): \(reason). Pass image files: JPEG, PNG or WebP."
    case .finishedRun(let path):
      "\(path): holds a finished run. Pass another --out, or look at it with: gridless evaluate \(path) --data DATA"
    case .otherConfiguration(let path, let differences):
      "\(path): holds a run with another configuration:\n\(differences.map { "  \($0)" }.joined(separator: "\n"))\nPass another --out, or the same arguments."
    case .notARun(let path, let found):
      "\(path): expected a new or empty folder, found \(found). Pass another --out."
    case .notWritable(let path, let reason):
      "\(path): cannot be written (\(reason)). Pass an --out on a disk and in a folder that you may write to."
    case .unreadableRun(let path, let reason):
      "\(path): \(reason). Pass the folder that was given to finetune --out."
    }
  }
}

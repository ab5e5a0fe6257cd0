/// Why a prior cannot be read, made or imported.
public enum PriorError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file is damaged or no prior; `found` says what it is.
  case notAPrior(path: String, found: String)
  /// The prior is another network's.
  case otherModel(path: String, found: String, expected: String)
  /// A number that is NaN or infinite; `index` is its place in logical order.
  case notFinite(path: String, name: String, index: Int, value: String)
  /// A variance below zero.
  case negativeVariance(path: String, name: String, index: Int, value: String)
  /// More columns are asked for than the prior has.
  case tooFewColumns(path: String, asked: Int, found: Int)
  /// Training left the numbers.
  case diverged(step: Int, learningRate: Double)
  /// A published file that cannot be mapped to the network's parameters.
  case notImportable(path: String, reason: String)

  /// What was found, what was expected, and what to do.
  public var description: String {
    switch self {
    case .notAPrior(let path, let found):
      "\(path): not a prior of Gridless (\(found)). Make one with gridless prior, or pass another."
    case .otherModel(let path, let found, let expected):
      "\(path): the prior of \(found), expected one of \(expected). Pass --model \(found), or make a prior of \(expected) with gridless prior."
    case .notFinite(let path, let name, let index, let value):
      "\(path): \(name)[\(index)] is \(value), expected finite numbers. Make the prior again, with a smaller --lr."
    case .negativeVariance(let path, let name, let index, let value):
      "\(path): \(name)[\(index)] is \(value), expected variances of at least 0. Make or fetch the prior again."
    case .tooFewColumns(let path, let asked, let found):
      "\(path): \(asked) columns asked for, the prior has \(found). Ask for at most \(found), or make a prior with more."
    case .diverged(let step, let learningRate):
      "the data term (mean NLL) is not finite at step \(step) with learning rate \(learningRate). Pass a smaller --lr."
    case .notImportable(let path, let reason):
      "\(path): \(reason)"
    }
  }
}

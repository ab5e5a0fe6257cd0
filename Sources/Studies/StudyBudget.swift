/// What each search of a study may spend for one seed.
public enum StudyBudget: Sendable, Equatable, LosslessStringConvertible {
  /// So many runs: evaluations of Bayesian optimisation, configurations of a grid, or for ASHA the steps of so many.
  case runs(Int)
  /// So many minutes of its trials' time, after which none begins.
  case minutes(Double)

  private static let mostRuns = 1_000_000

  /// Reads `24runs` (or `24`), `90m` or `1.5h`; nil for anything else.
  public init?(_ text: String) {
    func number(before suffix: String) -> Double? {
      guard text.hasSuffix(suffix), let value = Double(text.dropLast(suffix.count)), value > 0, value.isFinite else {
        return nil
      }
      return value
    }
    if let count = Int(text.hasSuffix("runs") ? String(text.dropLast(4)) : text), (1...Self.mostRuns).contains(count) {
      self = .runs(count)
    } else if let minutes = number(before: "m") {
      self = .minutes(minutes)
    } else if let hours = number(before: "h") {
      self = .minutes(hours * 60)
    } else {
      return nil
    }
  }

  /// The budget as ``init(_:)`` reads it.
  public var description: String {
    switch self {
    case .runs(let count): "\(count)runs"
    case .minutes(let minutes): "\(minutes)m"
    }
  }

  /// Whether trials that took so many seconds leave time for another.
  func hasTime(after seconds: Double) -> Bool {
    if case .minutes(let minutes) = self { seconds < minutes * 60 } else { true }
  }
}

extension StudyBudget: Codable {
  /// Reads the text.
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    guard let budget = StudyBudget(text) else {
      throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "a budget: \(text)"))
    }
    self = budget
  }

  /// Writes the text.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

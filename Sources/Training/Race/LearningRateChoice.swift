/// How the learning rate is found.
public enum LearningRateChoice: Sendable, Equatable, LosslessStringConvertible {
  /// By a race: all candidates start, the worse are dropped on the way, one is trained to the end (``RacePlan``).
  case race
  /// As published: each candidate is trained to the end, and the highest evidence wins.
  case grid
  /// One rate, as it is.
  case fixed(Double)

  /// Reads `auto` (the race), `grid` or a number; nil for anything else.
  public init?(_ text: String) {
    switch text {
    case "auto": self = .race
    case "grid": self = .grid
    default:
      guard let rate = Double(text) else { return nil }
      self = .fixed(rate)
    }
  }

  /// The choice as ``init(_:)`` reads it.
  public var description: String {
    switch self {
    case .race: "auto"
    case .grid: "grid"
    case .fixed(let rate): "\(rate)"
    }
  }

  /// The candidates.
  var rates: [Double] {
    switch self {
    case .race: FineTuneConfiguration.racedLearningRates
    case .grid: FineTuneConfiguration.publishedLearningRates
    case .fixed(let rate): [rate]
    }
  }
}

/// How often a run is saved: every so many steps, or so much time.
public enum CheckpointInterval: Sendable, Equatable, LosslessStringConvertible {
  /// After every so many steps of a learning rate.
  case steps(Int)
  /// At the first step after so much time since the last one, in seconds.
  case seconds(Double)

  /// Reads `50` (steps), `10m` (minutes) or `30s` (seconds); nil for anything else and for what is not positive.
  public init?(_ text: String) {
    let units = ["s": 1.0, "m": 60.0]
    if let unit = text.last.flatMap({ units[String($0)] }) {
      guard let number = Double(text.dropLast()), number > 0, number.isFinite else { return nil }
      self = .seconds(number * unit)
    } else {
      guard let steps = Int(text), steps > 0 else { return nil }
      self = .steps(steps)
    }
  }

  /// Refuses one after which no run is ever saved, by ``TrainingError/invalidOption(_:)``.
  func validate() throws(TrainingError) {
    let hasMeaning =
      switch self {
      case .steps(let steps): steps > 0
      case .seconds(let seconds): seconds >= 0
      }
    try require(hasMeaning, "--checkpoint-every \(self): expected at least 1 step, or a time such as 10m.")
  }

  /// The interval as ``init(_:)`` reads it.
  public var description: String {
    func short(_ value: Double) -> String { value == value.rounded() && value < 1e9 ? "\(Int(value))" : "\(value)" }
    return switch self {
    case .steps(let steps): "\(steps)"
    case .seconds(let seconds) where seconds >= 60 && seconds / 60 == (seconds / 60).rounded():
      "\(short(seconds / 60))m"
    case .seconds(let seconds): "\(short(seconds))s"
    }
  }
}

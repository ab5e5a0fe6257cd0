/// How far a run has come.
public struct RunProgress: Codable, Sendable, Equatable, CustomStringConvertible {
  /// The learning rate in training; nil once all are done.
  public var lr: Double?
  /// The steps that are done at this learning rate.
  public var step: Int
  /// The steps of each learning rate.
  public var steps: Int

  /// "step 40 of 100 at learning rate 0.01".
  public var description: String {
    lr.map { "step \(step) of \(steps) at learning rate \($0)" } ?? "the end of training"
  }
}

/// How far a run has come.
public struct RunProgress: Codable, Sendable, Equatable, CustomStringConvertible {
  /// The learning rate in training; nil once all are done.
  public var lr: Double?
  /// The steps that are done at this learning rate.
  public var step: Int
  /// The steps of each learning rate.
  public var steps: Int
  /// The leg of the race, counted from 1; nil where there is no race.
  public var leg: Int?

  /// "step 40 of 100 at learning rate 0.01", and in a race ", leg 2 of the race".
  public var description: String {
    lr.map { "step \(step) of \(steps) at learning rate \($0)" + (leg.map { ", leg \($0) of the race" } ?? "") }
      ?? "the end of training"
  }
}

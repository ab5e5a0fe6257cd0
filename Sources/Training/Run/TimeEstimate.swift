/// The time left for training, once 20 steps have shown how long one takes.
struct TimeEstimate {
  private let start = ContinuousClock.now
  private var stepsLeft: Int
  private var taken = 0

  /// `stepsLeft` counts the steps of all candidates.
  init(stepsLeft: Int) { self.stepsLeft = stepsLeft }

  /// Counts a step; at the twentieth, the seconds left.
  mutating func secondsLeft() -> Double? {
    (taken, stepsLeft) = (taken + 1, stepsLeft - 1)
    return taken == 20 ? (ContinuousClock.now - start).seconds / 20 * Double(stepsLeft) : nil
  }
}

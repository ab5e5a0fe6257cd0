/// A learning rate's path: a half cosine over the whole run, which a branch of the race leaves to cool down.
///
/// From the step where it is left the rate goes linearly to 0, so that what was learned is judged without the jitter
/// of the rate at which it was learned.
public struct Schedule: Sendable, Equatable {
  /// A linear way to 0.
  public struct CoolDown: Sendable, Equatable {
    /// The first step that is cooled, counted from 0.
    public var start: Int
    /// The number of steps; after the last the rate would be 0.
    public var steps: Int

    /// A way to 0 from a step, in so many steps.
    public init(start: Int, steps: Int) { (self.start, self.steps) = (start, steps) }
  }

  /// The path of a run to its end.
  public var cosine: CosineSchedule
  /// Where the cosine is left; nil on the way to the end.
  public var coolDown: CoolDown?

  /// A cosine, and a way to leave it.
  public init(_ cosine: CosineSchedule, coolDown: CoolDown? = nil) { (self.cosine, self.coolDown) = (cosine, coolDown) }

  /// The rate of a step, counted from 0.
  public func callAsFunction(_ step: Int) -> Double {
    guard let coolDown, step >= coolDown.start else { return cosine(step) }
    let left = max(0, coolDown.start + coolDown.steps - step)
    return cosine(coolDown.start) * Double(left) / Double(coolDown.steps + 1)
  }
}

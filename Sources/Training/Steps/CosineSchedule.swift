import Foundation

/// The learning rate's path from `peak` to 0 along half a cosine, once per step (`CosineAnnealingLR`).
public struct CosineSchedule: Sendable, Equatable {
  /// The learning rate of step 0.
  public var peak: Double
  /// The number of steps after which the rate is 0.
  public var steps: Int

  /// A half cosine over so many steps.
  public init(peak: Double, steps: Int) { (self.peak, self.steps) = (peak, steps) }

  /// The rate of a step, counted from 0.
  public func callAsFunction(_ step: Int) -> Double { peak * 0.5 * (1 + cos(.pi * Double(step) / Double(steps))) }
}

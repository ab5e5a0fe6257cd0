/// A class with its probability: one of those that an input most likely belongs to.
public struct ClassProbability: Codable, Sendable, Equatable {
  /// The class.
  public var `class`: String
  /// Its probability, at the posterior mean or on average over the posterior.
  public var probability: Double
}

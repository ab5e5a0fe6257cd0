import Foundation

/// The box in which Bayesian optimisation and ASHA search: each hyperparameter on a logarithmic scale.
public struct SearchSpace: Codable, Sendable, Equatable {
  /// A hyperparameter's range.
  public struct Dimension: Codable, Sendable, Equatable {
    /// Its name, such as `lr`.
    public var name: String
    /// The decimal logarithms of its least and its largest value.
    public var low, high: Double

    /// A hyperparameter between 10^low and 10^high.
    public init(_ name: String, low: Double, high: Double) { (self.name, self.low, self.high) = (name, low, high) }
  }

  /// The dimensions, in order.
  public var dimensions: [Dimension]

  /// A box.
  public init(_ dimensions: [Dimension]) { self.dimensions = dimensions }

  /// log10 α and log10 β in [−6, −2], log10 lr in [−4, −1] (Harvey, Petrov and Hughes, arXiv 2502.01861).
  public static let l2SP = SearchSpace([
    Dimension("alpha", low: -6, high: -2), Dimension("beta", low: -6, high: -2), Dimension("lr", low: -4, high: -1),
  ])
  /// As ``l2SP``, with α = β.
  public static let l2Zero = SearchSpace([Dimension("alpha", low: -6, high: -2), Dimension("lr", low: -4, high: -1)])
  /// As ``l2SP``, with λ over its grid's range in place of α.
  public static let ptyl = SearchSpace([
    Dimension("lambda", low: 0, high: 9), Dimension("beta", low: -6, high: -2), Dimension("lr", low: -4, high: -1),
  ])

  /// The values at a point of the unit cube.
  public func values(at point: [Double]) -> [String: Double] {
    Dictionary(
      uniqueKeysWithValues: zip(dimensions, point).map { dimension, place in
        (dimension.name, pow(10, dimension.low + (dimension.high - dimension.low) * place))
      })
  }

  /// The point of the unit cube at which these values lie; nil where one is missing or not positive.
  public func point(of values: [String: Double]) -> [Double]? {
    let places = dimensions.compactMap { dimension -> Double? in
      guard let value = values[dimension.name], value > 0 else { return nil }
      return (log10(value) - dimension.low) / (dimension.high - dimension.low)
    }
    return places.count == dimensions.count ? places : nil
  }
}

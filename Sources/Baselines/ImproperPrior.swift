/// A prior precision that is 0 or not a number, for which no evidence exists.
///
/// A prior of precision 0 does not integrate to 1: the marginal likelihood under it is defined up to a factor only, and
/// its Laplace approximation is −∞ or NaN. No evidence can then compare it with another prior.
public struct ImproperPrior: Error, Equatable, CustomStringConvertible {
  /// `backbone` or `head`.
  public let block: String
  /// The precision that was found.
  public let precision: Double

  /// A precision of a block that has none.
  public init(block: String, precision: Double) { (self.block, self.precision) = (block, precision) }

  /// What was found, what was expected, and what to do.
  public var description: String {
    "the prior of the \(block) has precision \(precision), expected a positive number: an improper prior (α or β = 0) has no "
      + "marginal likelihood. Pass a positive \(block == "head" ? "--beta" : "--alpha")."
  }
}

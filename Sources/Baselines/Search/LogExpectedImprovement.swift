import Foundation

/// The logarithm of expected improvement below a value, stable where the improvement itself is too small for a float64.
///
/// EI = σ h(z) with h(z) = φ(z) + zΦ(z) and z = (best − μ)/σ. Ament et al., *Unexpected Improvements to Expected
/// Improvement for Bayesian Optimization* (NeurIPS 2023), equations 8 and 9; where z < −10, h and Φ come from their
/// asymptotic series.
public struct LogExpectedImprovement: Sendable {
  /// The least value so far.
  public let best: Double

  /// Improvement below a value.
  public init(best: Double) { self.best = best }

  /// ln EI of a normal variable.
  public func callAsFunction(mean: Double, deviation: Double) -> Double {
    Self.logH((best - mean) / deviation) + log(deviation)
  }

  /// ln EI, with its derivatives by mean and standard deviation: −Φ/(σh) and φ/(σh).
  package func gradient(mean: Double, deviation: Double) -> (value: Double, byMean: Double, byDeviation: Double) {
    let z = (best - mean) / deviation
    let (cumulative, density) = Self.ratios(z)
    return (Self.logH(z) + log(deviation), -cumulative / deviation, density / deviation)
  }

  private static let logRootTwoPi = log(2 * Double.pi) / 2

  /// ln h(z).
  static func logH(_ z: Double) -> Double {
    if z > -1 { return log(density(z) + z * cumulative(z)) }
    let a = -z
    return -a * a / 2 - logRootTwoPi + (a < 10 ? log(1 - a * mills(a)) : log(series(a).h) - 2 * log(a))
  }

  /// Φ(z)/h(z) and φ(z)/h(z).
  static func ratios(_ z: Double) -> (cumulative: Double, density: Double) {
    if z > -1 {
      let h = density(z) + z * cumulative(z)
      return (cumulative(z) / h, density(z) / h)
    }
    let a = -z
    if a < 10 {
      let (ratio, rest) = (mills(a), 1 - a * mills(a))
      return (ratio / rest, 1 / rest)
    }
    let (tail, h) = series(a)
    return (a * tail / h, a * a / h)
  }

  private static func density(_ z: Double) -> Double { exp(-z * z / 2 - logRootTwoPi) }
  private static func cumulative(_ z: Double) -> Double { erfc(-z / 2.0.squareRoot()) / 2 }

  /// Mills' ratio Φ(−a)/φ(a), for a below 10.
  private static func mills(_ a: Double) -> Double {
    (Double.pi / 2).squareRoot() * exp(a * a / 2) * erfc(a / 2.0.squareRoot())
  }

  /// Φ(−a)·a/φ(a) = 1 − 1/a² + 3/a⁴ − 15/a⁶ + … and h(−a)·a²/φ(a) = 1 − 3/a² + 15/a⁴ − …, up to the smallest term.
  private static func series(_ a: Double) -> (tail: Double, h: Double) {
    let square = a * a
    var (tail, h, term) = (1.0, 1.0, 1.0)
    for order in 0..<40 {
      let next = -term * Double(2 * order + 1) / square
      if abs(next) < 1e-17 || abs(next) > abs(term) { break }
      tail += next
      h += next * Double(2 * order + 3)
      term = next
    }
    return (tail, h)
  }
}

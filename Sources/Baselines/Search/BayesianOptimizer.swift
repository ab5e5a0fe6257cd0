/// Bayesian optimisation in the unit cube: a random point first, then the highest log expected improvement under a
/// ``GaussianProcess`` (Harvey, Petrov and Hughes, arXiv 2502.01861: 1 random and 11 to 35 further evaluations).
///
/// It has no state: what it suggests is a function of the seed and of what was observed, so that a search which was
/// interrupted goes on as if it had not been.
public struct BayesianOptimizer: Sendable {
  /// The published least number of evaluations.
  public static let publishedEvaluations = 12

  /// A value at a point.
  public struct Observation: Sendable, Equatable {
    /// The point of the unit cube.
    public var point: [Double]
    /// The value, to be minimised; nil where the evaluation failed, which counts as the worst value so far.
    public var value: Double?

    /// A value at a point.
    public init(point: [Double], value: Double?) { (self.point, self.value) = (point, value) }
  }

  private let dimensions: Int
  private let seed: UInt64

  /// A search in so many dimensions.
  public init(dimensions: Int, seed: UInt64) { (self.dimensions, self.seed) = (dimensions, seed) }

  /// The point to evaluate next.
  public func suggest(after observations: [Observation]) -> [Double] {
    var random = SearchRandom(seed: seed, stream: 16 + UInt64(observations.count))
    let values = observations.compactMap(\.value).filter(\.isFinite)
    guard let best = values.min(), let worst = values.max() else { return random.point(dimensions) }
    let process = GaussianProcess(
      fitting: observations.map(\.point),
      values: observations.map { observation in observation.value.flatMap { $0.isFinite ? $0 : nil } ?? worst },
      seed: random.next())
    guard let process else { return random.point(dimensions) }
    return maximum(of: process, LogExpectedImprovement(best: best), near: observations, &random)
  }

  /// The best of many random points, some of them near the best observations, each of the best few refined by
  /// gradients.
  private func maximum(
    of process: GaussianProcess, _ improvement: LogExpectedImprovement, near observations: [Observation],
    _ random: inout SearchRandom
  ) -> [Double] {
    var starts = (0..<256 * dimensions).map { _ in random.point(dimensions) }
    let ordered = observations.filter { $0.value?.isFinite == true }.sorted { ($0.value ?? 0) < ($1.value ?? 0) }
    for observation in ordered.prefix(3) {
      for width in [0.1, 0.01, 0.001] {
        for _ in 0..<8 {
          starts.append(observation.point.map { min(max($0 + width * (2 * random.uniform() - 1), 0), 1) })
        }
      }
    }
    func negative(_ point: [Double]) -> (value: Double, gradient: [Double])? {
      let (mean, deviation, meanGradient, deviationGradient) = process.gradients(point)
      let (value, byMean, byDeviation) = improvement.gradient(mean: mean, deviation: deviation)
      return (-value, zip(meanGradient, deviationGradient).map { -(byMean * $0 + byDeviation * $1) })
    }
    func value(_ point: [Double]) -> Double {
      let (mean, variance) = process.predict(point)
      return variance > 0 ? improvement(mean: mean, deviation: variance.squareRoot()) : -.infinity
    }
    let judged = starts.map { ($0, value($0)) }.filter { $0.1.isFinite }.sorted { $0.1 > $1.1 }
    let minimizer = BoundedMinimizer(
      lower: [Double](repeating: 0, count: dimensions), upper: [Double](repeating: 1, count: dimensions))
    let refined = judged.prefix(6).compactMap { minimizer.minimize(from: $0.0, negative) }
    return refined.min { $0.value < $1.value }?.point ?? judged.first?.0 ?? random.point(dimensions)
  }
}

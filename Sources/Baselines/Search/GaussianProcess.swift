import Foundation

/// A Gaussian process with a Matérn 5/2 kernel and a length scale per dimension, in float64.
///
/// Values are standardised to mean 0 and (unbiased) variance 1; ``predict(_:)`` answers in their own units. Rasmussen
/// and Williams, *Gaussian Processes for Machine Learning*, chapters 2, 4.2 and 5.4.
public struct GaussianProcess: Sendable {
  /// What the kernel depends on, in units of the standardised values.
  public struct Hyperparameters: Sendable, Equatable {
    /// ℓ of each dimension.
    public var lengthscales: [Double]
    /// s², the kernel at distance 0.
    public var signalVariance: Double
    /// The variance of the noise on each value.
    public var noiseVariance: Double

    /// These values.
    public init(lengthscales: [Double], signalVariance: Double, noiseVariance: Double) {
      self.lengthscales = lengthscales
      (self.signalVariance, self.noiseVariance) = (signalVariance, noiseVariance)
    }
  }

  /// The kernel's hyperparameters.
  public let hyperparameters: Hyperparameters
  /// ln p(standardised values).
  public let logMarginalLikelihood: Double

  private let points: [[Double]]
  private let center: Double
  private let scale: Double
  private let cholesky: Cholesky
  /// K⁻¹y.
  private let weights: [Double]

  /// The process of given hyperparameters, conditioned on values at points.
  ///
  /// Where rounding makes K indefinite, 1e-10 to 1e-4 of s² is added to its diagonal. Nil where that does not help.
  public init?(points: [[Double]], values: [Double], hyperparameters: Hyperparameters) {
    let (standardised, center, scale) = Self.standardised(values)
    let kernel = Matern52(hyperparameters)
    let covariance = kernel.matrix(points)
    var jitter = 0.0
    var found: Cholesky?
    while found == nil && jitter <= 1e-4 {
      var matrix = covariance
      for index in points.indices {
        matrix[index * points.count + index] += hyperparameters.noiseVariance + jitter * hyperparameters.signalVariance
      }
      found = Cholesky(matrix, size: points.count)
      jitter = jitter == 0 ? 1e-10 : jitter * 10
    }
    guard let cholesky = found else { return nil }
    weights = cholesky.solve(standardised)
    logMarginalLikelihood =
      -zip(standardised, weights).reduce(0) { $0 + $1.0 * $1.1 } / 2
      - cholesky.diagonal.reduce(0) { $0 + log($1) } - Double(points.count) / 2 * log(2 * Double.pi)
    (self.points, self.hyperparameters, self.cholesky) = (points, hyperparameters, cholesky)
    (self.center, self.scale) = (center, scale)
  }

  /// The mean and the variance of the function, without noise, at a point.
  public func predict(_ point: [Double]) -> (mean: Double, variance: Double) {
    let kernel = Matern52(hyperparameters)
    let cross = points.map { kernel(point, $0) }
    let solved = cholesky.forward(cross)
    let variance = hyperparameters.signalVariance - solved.reduce(0) { $0 + $1 * $1 }
    return (
      center + scale * zip(cross, weights).reduce(0) { $0 + $1.0 * $1.1 }, scale * scale * max(variance, 0)
    )
  }

  /// As ``predict(_:)``, with the gradients of mean and standard deviation by the point.
  package func gradients(
    _ point: [Double]
  ) -> (mean: Double, deviation: Double, meanGradient: [Double], deviationGradient: [Double]) {
    let kernel = Matern52(hyperparameters)
    let cross = points.map { kernel(point, $0) }
    let solved = cholesky.solve(cross)
    let quadratic = zip(cross, solved).reduce(0) { $0 + $1.0 * $1.1 }
    // A variance of 0 has no gradient; 1e-12 of s² is below what rounding leaves.
    let variance = max(hyperparameters.signalVariance - quadratic, 1e-12 * hyperparameters.signalVariance)
    var mean = [Double](repeating: 0, count: point.count)
    var deviation = mean
    for (index, other) in points.enumerated() {
      let slope = kernel.gradient(point, other)
      for axis in point.indices {
        mean[axis] += scale * slope[axis] * weights[index]
        deviation[axis] -= scale * slope[axis] * solved[index] / variance.squareRoot()
      }
    }
    return (
      center + scale * zip(cross, weights).reduce(0) { $0 + $1.0 * $1.1 }, scale * variance.squareRoot(), mean,
      deviation
    )
  }

  /// The derivatives of ``logMarginalLikelihood`` by ln ℓ of each dimension, ln s² and the logarithm of the noise's
  /// variance.
  ///
  /// ½ tr((ααᵀ − K⁻¹) ∂K/∂θ) with α = K⁻¹y (Rasmussen and Williams, equation 5.9).
  package var logMarginalLikelihoodGradient: [Double] {
    let kernel = Matern52(hyperparameters)
    let inverse = cholesky.inverse
    let count = points.count
    let dimensions = hyperparameters.lengthscales.count
    var result = [Double](repeating: 0, count: dimensions + 2)
    for row in 0..<count {
      for column in 0...row {
        let symmetric = row == column ? 0.5 : 1.0
        let factor = symmetric * (weights[row] * weights[column] - inverse[row * count + column])
        let (value, slopes) = kernel.scaleGradient(points[row], points[column])
        for axis in 0..<dimensions { result[axis] += factor * slopes[axis] }
        result[dimensions] += factor * value
        if row == column { result[dimensions + 1] += factor * hyperparameters.noiseVariance }
      }
    }
    return result
  }

  /// Values with mean 0 and variance 1; equal values stay at 0.
  private static func standardised(_ values: [Double]) -> ([Double], center: Double, scale: Double) {
    let center = values.reduce(0, +) / Double(values.count)
    let sum = values.reduce(0) { $0 + ($1 - center) * ($1 - center) }
    let deviation = (sum / Double(max(values.count - 1, 1))).squareRoot()
    let scale = deviation > 1e-12 * max(1, abs(center)) ? deviation : 1
    return (values.map { ($0 - center) / scale }, center, scale)
  }
}

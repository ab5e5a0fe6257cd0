import Foundation

extension GaussianProcess {
  /// The process whose hyperparameters have the highest posterior density, given the values: marginal likelihood times priors.
  ///
  /// The points lie in the unit cube. Priors, as in BoTorch: ln ℓ ~ N(√2 + ½ ln d, 3), so that length scales grow with the
  /// number d of dimensions (Hvarfner, Hellsten and Nardi, *Vanilla Bayesian Optimization Performs Great in High
  /// Dimensions*, ICML 2024); ln of the noise's variance ~ N(−4, 1). And ln s² ~ N(0, 1), as values are standardised.
  /// Maximised from several starts, drawn by `seed`, with analytic gradients. Nil where there are no values.
  public init?(fitting points: [[Double]], values: [Double], seed: UInt64) {
    guard let dimensions = points.first?.count, dimensions > 0 else { return nil }
    let density = LogDensity(points: points, values: values, dimensions: dimensions)
    var random = SearchRandom(seed: seed, stream: 2)
    let starts = [LogDensity.means(dimensions)] + (0..<3).map { _ in density.drawn(&random) }
    let minimizer = BoundedMinimizer(lower: density.lower, upper: density.upper)
    let best = starts.compactMap { minimizer.minimize(from: $0, density.negative) }.min { $0.value < $1.value }
    guard let best,
      let process = GaussianProcess(
        points: points, values: values, hyperparameters: Hyperparameters(logarithms: best.point))
    else { return nil }
    self = process
  }
}

extension GaussianProcess.Hyperparameters {
  /// From ln ℓ of each dimension, ln s² and the logarithm of the noise's variance.
  init(logarithms: [Double]) {
    let dimensions = logarithms.count - 2
    self.init(
      lengthscales: logarithms.prefix(dimensions).map { exp($0) }, signalVariance: exp(logarithms[dimensions]),
      noiseVariance: exp(logarithms[dimensions + 1]))
  }
}

/// The logarithm of marginal likelihood times priors, as a function of the hyperparameters' logarithms.
private struct LogDensity {
  let points: [[Double]]
  let values: [Double]
  let dimensions: Int

  var lower: [Double] { [Double](repeating: log(0.01), count: dimensions) + [log(0.01), log(1e-6)] }
  var upper: [Double] { [Double](repeating: log(100), count: dimensions) + [log(100), 0] }

  /// The priors' means.
  static func means(_ dimensions: Int) -> [Double] {
    let lengthscale = 2.0.squareRoot() + log(Double(dimensions)) / 2
    return [Double](repeating: lengthscale, count: dimensions) + [0, -4]
  }
  private var variances: [Double] { [Double](repeating: 3, count: dimensions) + [1, 1] }

  /// A start: length scales from 0.1 to 2, and noise from 1e-5 to 0.1.
  func drawn(_ random: inout SearchRandom) -> [Double] {
    let lengthscales = (0..<dimensions).map { _ in log(0.1) + log(20) * random.uniform() }
    return lengthscales + [0, log(1e-5) + log(1e4) * random.uniform()]
  }

  func negative(_ logarithms: [Double]) -> (value: Double, gradient: [Double])? {
    let hyperparameters = GaussianProcess.Hyperparameters(logarithms: logarithms)
    guard let process = GaussianProcess(points: points, values: values, hyperparameters: hyperparameters) else {
      return nil
    }
    let (means, variances) = (Self.means(dimensions), variances)
    var value = -process.logMarginalLikelihood
    var gradient = process.logMarginalLikelihoodGradient.map { -$0 }
    for index in logarithms.indices {
      let difference = logarithms[index] - means[index]
      value += difference * difference / (2 * variances[index])
      gradient[index] += difference / variances[index]
    }
    return (value, gradient)
  }
}

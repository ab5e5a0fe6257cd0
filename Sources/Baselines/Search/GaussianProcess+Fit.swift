import Foundation

extension GaussianProcess {
  /// The process whose hyperparameters have the highest posterior density, given the values: marginal likelihood times
  /// priors.
  ///
  /// The points lie in the unit cube. Priors: ℓ ~ Gamma(3, 6), the default of BoTorch (Balandat et al., NeurIPS 2020)
  /// up to its version 0.11; ln of the noise's variance ~ N(−4, 1), its later default; ln s² ~ N(0, 1), as values are
  /// standardised. BoTorch's later prior on ℓ (Hvarfner, Hellsten and Nardi, ICML 2024) expects smoother functions;
  /// with 1 random point, it did no better than random search on Hartmann-6 after 30 evaluations. Maximised from
  /// several starts, drawn by `seed`, with analytic gradients. Nil where there are no values.
  public init?(fitting points: [[Double]], values: [Double], seed: UInt64) {
    guard let dimensions = points.first?.count, dimensions > 0 else { return nil }
    let density = LogDensity(points: points, values: values, dimensions: dimensions)
    var random = SearchRandom(seed: seed, stream: 2)
    let starts = [density.center] + (0..<3).map { _ in density.drawn(&random) }
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

  /// Near the priors' modes.
  var center: [Double] { [Double](repeating: log(0.5), count: dimensions) + [0, -4] }

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
    var value = -process.logMarginalLikelihood
    var gradient = process.logMarginalLikelihoodGradient.map { -$0 }
    for index in 0..<dimensions {
      // −ln of Gamma(ℓ; 3, 6), without its constant.
      let lengthscale = hyperparameters.lengthscales[index]
      value += 6 * lengthscale - 2 * logarithms[index]
      gradient[index] += 6 * lengthscale - 2
    }
    for (index, mean) in [(dimensions, 0.0), (dimensions + 1, -4)] {
      let difference = logarithms[index] - mean
      value += difference * difference / 2
      gradient[index] += difference
    }
    return (value, gradient)
  }
}

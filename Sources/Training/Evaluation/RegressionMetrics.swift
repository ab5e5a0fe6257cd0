import Foundation

/// How well predicted numbers fit the values of a split, in the values' own unit.
public struct RegressionMetrics: Codable, Sendable, Equatable {
  /// The square root of the mean squared error.
  public var rmse: Double
  /// The mean absolute error.
  public var mae: Double
  /// The coefficient of determination, 1 − Σ(y − f)²/Σ(y − ȳ)²: 1 is perfect, 0 as good as the split's mean; nil where
  /// all values are the same.
  public var r2: Double?
  /// The mean of −log N(y | f, v), in nats.
  public var nll: Double

  /// The metrics of predictions f and the variances v of their Gaussians, for N values y.
  ///
  /// At the posterior mean v is the noise's variance; an average over the posterior adds that of its predictions.
  public init(predictions: [Double], variances: [Double], values: [Double]) {
    let count = Double(values.count)
    let mean = values.reduce(0) { $0 + $1 / count }
    var (squared, absolute, total, nllSum) = (0.0, 0.0, 0.0, 0.0)
    for (value, (prediction, variance)) in zip(values, zip(predictions, variances)) {
      let error = value - prediction
      squared += error * error
      absolute += abs(error)
      total += (value - mean) * (value - mean)
      nllSum += 0.5 * (log(2 * .pi * variance) + error * error / variance)
    }
    rmse = (squared / count).squareRoot()
    mae = absolute / count
    r2 = values.contains { $0 != values[0] } ? 1 - squared / total : nil
    nll = nllSum / count
  }

  /// Writes `r2` even where it is nil, so that every line has the same keys.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(rmse, forKey: .rmse)
    try container.encode(mae, forKey: .mae)
    try container.encode(r2, forKey: .r2)
    try container.encode(nll, forKey: .nll)
  }
}

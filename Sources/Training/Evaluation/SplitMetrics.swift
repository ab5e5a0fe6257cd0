import Backbones
import Evidence
import Torch

/// The metrics of a split, of the kind that its targets have.
public enum SplitMetrics: Sendable, Equatable {
  /// Of classes.
  case classification(ClassificationMetrics)
  /// Of numbers.
  case regression(RegressionMetrics)

  /// Those of classes, nil where numbers are predicted.
  public var classification: ClassificationMetrics? {
    if case .classification(let metrics) = self { metrics } else { nil }
  }
  /// The mean negative log likelihood, in nats.
  public var nll: Double {
    switch self {
    case .classification(let metrics): metrics.nll
    case .regression(let metrics): metrics.nll
    }
  }

  /// Those of numbers, nil where classes are predicted.
  public var regression: RegressionMetrics? { if case .regression(let metrics) = self { metrics } else { nil } }
}

extension Model {
  /// The metrics of a split at the current weights, or on average over a posterior, under a likelihood; classes are
  /// called by `names`.
  func metrics(
    of data: ExampleBatches, under likelihood: Likelihood, names: [String], batchSize: Int,
    average: PosteriorAverage? = nil
  ) throws -> SplitMetrics {
    guard let gaussian = likelihood.gaussian else {
      return .classification(try metrics(of: data, batchSize: batchSize, names: names, average: average))
    }
    let (means, variances) = try moments(of: data, under: gaussian, batchSize: batchSize, average: average)
    return .regression(RegressionMetrics(predictions: means, variances: variances, values: data.values ?? []))
  }

  /// The mean and the variance of each example's predictive distribution, in the values' own unit and its square: the
  /// noise's, and of an average the posterior's, too.
  func moments(
    of data: ExampleBatches, under gaussian: GaussianNoise, batchSize: Int, average: PosteriorAverage?
  ) throws -> (means: [Double], variances: [Double]) {
    func predictions() throws -> [Double] { try values(of: data, under: gaussian, batchSize: batchSize) }
    let (means, spread) =
      try average?.moments(of: self, predictions) ?? (predictions(), [Double](repeating: 0, count: data.count))
    let noise = gaussian.standardDeviation * gaussian.standardDeviation
    return (means, spread.map { $0 + noise })
  }

  /// The predicted values of a split at the current weights with evaluation preprocessing, in the values' own unit.
  public func values(of data: ExampleBatches, under gaussian: GaussianNoise, batchSize: Int) throws -> [Double] {
    try rows(of: data, batchSize: batchSize) { try gaussian.values($0) }
  }
}

extension Likelihood {
  /// The same with the noise that training learned; `noise` is its standard deviation in the values' own unit.
  func withNoise(_ noise: Double?) -> Likelihood {
    guard let gaussian, let noise else { return self }
    return .gaussian(GaussianNoise(mean: gaussian.mean, deviation: gaussian.deviation, noise: noise))
  }
}

extension Backbone {
  /// The backbone with an output per class, or with one where numbers are predicted and there are no classes.
  func makeNetwork(
    outputsFor classes: [String], size: Int?, vocabulary: Int? = nil, training part: TrainedPart = .all
  ) throws(UnknownLayer) -> Network {
    try makeNetwork(classes: max(1, classes.count), size: size, vocabulary: vocabulary, training: part)
  }
}

import Datasets
import Evidence

/// Which likelihood to train with.
public enum LikelihoodChoice: String, Sendable, CaseIterable {
  /// Categorical where the data has classes, Gaussian where it has values.
  case auto
  /// Softmax over classes.
  case categorical
  /// A number with Gaussian noise.
  case gaussian

  /// The likelihood of a data set's targets: never `auto`.
  ///
  /// Throws ``TrainingError/invalidOption(_:)`` for one that does not fit them, and for a noise that it lacks.
  func resolved(
    for targets: Dataset.Targets, data: String, noise: Double?
  ) throws(TrainingError) -> LikelihoodChoice {
    switch (targets, self) {
    case (.classes, .gaussian):
      throw .invalidOption(
        "--likelihood gaussian: \(data) has classes, and this likelihood is of numbers. "
          + "Leave it out, or pass a CSV or TSV file with the columns path and value.")
    case (.values, .categorical):
      throw .invalidOption(
        "--likelihood categorical: \(data) has a column value of numbers, and this likelihood is of classes. "
          + "Leave it out, or call the column label, if its numbers stand for classes.")
    case (.classes, _):
      if let noise {
        throw .invalidOption(
          "--noise \(noise): \(data) has classes, whose likelihood has no noise. Leave it out.")
      }
      return .categorical
    case (.values, _): return .gaussian
    }
  }
}

extension FineTuneConfiguration {
  /// The likelihood before training, standardised by the values that are trained on, if those are numbers.
  ///
  /// Throws `DatasetError.unusableValues`.
  func initialLikelihood(values: [Double]?) throws(DatasetError) -> Likelihood {
    guard let values else { return .categorical }
    let spread = try ValueSpread(values, path: data)
    return .gaussian(GaussianNoise(mean: spread.mean, deviation: spread.deviation, noise: noise))
  }
}

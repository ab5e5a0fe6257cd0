import Datasets
import Evidence
import Foundation
import Torch

/// What is said of an example.
struct Classification {
  /// The most probable classes in order, at least one.
  var top: [ClassProbability]
  /// The probability of each class.
  var probabilities: [String: Double]
  /// The network's outputs; of an average the logarithms of the probabilities.
  var logits: [Double]
  /// The most probable class.
  var best: ClassProbability { top[0] }
}

/// A saved network that names classes.
struct Classifier {
  private let classes: [String]
  private let top: Int
  private let batchSize: Int
  private let model: Model
  private let average: PosteriorAverage?

  /// One that predicts at the posterior mean, or averaged over so many draws of the posterior: the same for every call,
  /// as their seed is the run's.
  ///
  /// Throws ``TrainingError/invalidOption(_:)`` for a model of numbers or more classes to show than there are.
  init(_ saved: SavedModel, device: Device, average samples: Int?, top: Int, batchSize: Int?) throws {
    guard saved.likelihood == .categorical else {
      throw TrainingError.invalidOption("this model predicts numbers: use predictValues")
    }
    try saved.checkTop(top)
    (classes, self.top, self.batchSize) = (saved.classes, top, batchSize ?? saved.usualBatchSize)
    model = try saved.model(device: device)
    average = try saved.average(of: model, samples: samples)
  }

  /// The classes of each example.
  func callAsFunction(_ data: ExampleBatches) throws -> [Classification] {
    guard data.count > 0 else { return [] }
    let (logits, logProbabilities): ([Double], [Double])
    if let average {
      logProbabilities = try average.logProbabilities(of: model) {
        try model.logProbabilities(of: data, batchSize: batchSize)
      }
      logits = logProbabilities
    } else {
      logits = try model.rows(of: data, batchSize: batchSize) { try $0.to(dtype: .float64).doubles() }
      logProbabilities = try Tensor(logits, shape: [data.count, classes.count]).logSoftmax(dim: 1).doubles()
    }
    return (0..<data.count).map { index in
      let row = index * classes.count..<(index + 1) * classes.count
      return classification(logProbabilities: Array(logProbabilities[row]), logits: Array(logits[row]))
    }
  }

  /// What the log probabilities of the classes say.
  private func classification(logProbabilities: [Double], logits: [Double]) -> Classification {
    // Of equally probable classes the first comes first.
    let order = logProbabilities.indices.sorted { one, other in
      let (first, second) = (logProbabilities[one], logProbabilities[other])
      return first == second ? one < other : first > second
    }
    let probabilities = logProbabilities.map { exp($0) }
    return Classification(
      top: order.prefix(top).map { ClassProbability(class: classes[$0], probability: probabilities[$0]) },
      probabilities: Dictionary(zip(classes, probabilities), uniquingKeysWith: { first, _ in first }), logits: logits)
  }
}

/// A saved network that predicts numbers.
struct ValuePredictor {
  private let gaussian: GaussianNoise
  private let batchSize: Int
  private let model: Model
  private let average: PosteriorAverage?

  /// One that predicts at the posterior mean, or averaged over so many draws of the posterior.
  ///
  /// Throws ``TrainingError/invalidOption(_:)`` for a model of classes.
  init(_ saved: SavedModel, device: Device, average samples: Int?, batchSize: Int?) throws {
    guard let gaussian = saved.likelihood.gaussian else {
      throw TrainingError.invalidOption("this model predicts classes: use predict")
    }
    (self.gaussian, self.batchSize) = (gaussian, batchSize ?? saved.usualBatchSize)
    model = try saved.model(device: device)
    average = try saved.average(of: model, samples: samples)
  }

  /// The number of each example, in the unit of the training values, with the standard deviation of the noise around
  /// it; of an average with the posterior's spread.
  func callAsFunction(_ data: ExampleBatches) throws -> [(value: Double, noise: Double)] {
    let (means, variances) = try model.moments(of: data, under: gaussian, batchSize: batchSize, average: average)
    return zip(means, variances).map { ($0, $1.squareRoot()) }
  }
}

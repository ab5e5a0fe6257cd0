import Datasets
import Foundation
import Torch

/// One image's predicted class.
public struct Prediction: Codable, Sendable, Equatable {
  /// Always `prediction`.
  public var event = "prediction"
  /// The image file.
  public var image: String
  /// The most probable class.
  public var `class`: String
  /// Its probability, at the posterior mean or on average over the posterior.
  public var probability: Double
  /// The network's outputs before the softmax, one per class, in the order of the saved classes; of an average the
  /// logarithms of the probabilities.
  public var logits: [Double]
}

extension SavedModel {
  /// The metrics of one split of a data set, at the posterior mean or averaged over so many draws of the posterior, with
  /// the preprocessing of training.
  ///
  /// Classes are matched by name; the data set's notes say which of them are left out. Throws Datasets' errors, also for
  /// data with classes where numbers are predicted and the reverse.
  public func evaluate(
    data: String, split: Split, device: Device, average samples: Int? = nil, batchSize: Int = 64,
    skipUnreadable: Bool = false,
    onEvent: (FineTuneEvent) throws -> Void = { _ in }
  ) throws -> SplitMetrics {
    let predictsValues = likelihood.gaussian != nil
    let dataset = try Dataset.open(
      data, options: Dataset.Options(trainSplits: [], classes: predictsValues ? nil : classes))
    guard predictsValues == (dataset.targets == .values) else { throw DatasetError.classesForValues(path: data) }
    guard dataset.holdsTexts == (preparation.modality == .texts) else {
      throw TrainingError.invalidOption(
        "--data \(data): the model reads \(preparation.modality.rawValue), the data holds none. Pass others.")
    }
    for note in dataset.notes { try onEvent(.note(note)) }
    guard let examples = dataset.splits[split] else {
      throw DatasetError.missingSplit(
        path: data, split: split, found: Split.allCases.filter { dataset.splits[$0] != nil })
    }
    let batches = try preparation.batches(
      of: examples, split: split, skipUnreadable: skipUnreadable, device: device, onEvent: onEvent)
    let model = try model(device: device)
    return try model.metrics(
      of: batches, under: likelihood, names: classes, batchSize: batchSize,
      average: try average(of: model, samples: samples))
  }

  /// The class of each image file, at the posterior mean or averaged over so many draws of the posterior.
  ///
  /// Throws ``TrainingError/unreadableImage(path:reason:)`` for a file that is not a readable image, and
  /// ``TrainingError/invalidOption(_:)`` for a model of numbers.
  public func predict(_ images: [String], device: Device, average samples: Int? = nil) throws -> [Prediction] {
    let inputs = try images.map { try input(of: $0, device: device) }
    return zip(images, try classify(inputs, device: device, average: samples)).map { image, found in
      Prediction(image: image, class: found.class, probability: found.probability, logits: found.logits)
    }
  }

  /// What is said of an input.
  struct Classification {
    var `class`: String
    var probability: Double
    var logits: [Double]
  }

  /// The class of each input, at the posterior mean or averaged over so many draws of the posterior.
  func classify(_ inputs: [Tensor], device: Device, average samples: Int?) throws -> [Classification] {
    guard likelihood == .categorical else {
      throw TrainingError.invalidOption("this model predicts numbers: use predictValues")
    }
    let model = try model(device: device)
    func logits(_ input: Tensor) throws -> Tensor {
      try withoutGrad { try model(input, mode: .evaluation).to(dtype: .float64) }
    }
    let averages = try average(of: model, samples: samples)?.logProbabilities(of: model) {
      try inputs.flatMap { try logits($0).logSoftmax(dim: 1).doubles() }
    }
    return try inputs.indices.map { index in
      let row = averages.map { Array($0[index * classes.count..<(index + 1) * classes.count]) }
      let outputs = try logits(inputs[index])
      let logProbabilities = try row ?? outputs.logSoftmax(dim: 1).doubles()
      let best = logProbabilities.indices.max { logProbabilities[$0] < logProbabilities[$1] } ?? 0
      return Classification(
        class: classes[best], probability: exp(logProbabilities[best]), logits: try row ?? outputs.doubles())
    }
  }

  /// The network's input for an image file, `[1, 3, S, S]`.
  func input(of path: String, device: Device) throws -> Tensor {
    guard let preprocessing = preparation.preprocessing else {
      throw TrainingError.invalidOption(
        "\(run.path): \(network.backbone.name) reads texts. Pass --text, or CSV files with a column text.")
    }
    do {
      let (pixels, size) = (try preprocessing.apply(RGBImage.decode(path: path)), preprocessing.size)
      return try Tensor(pixels, shape: [1, size, size, 3]).permute([0, 3, 1, 2]).to(device: device)
    } catch DatasetError.unreadable(let path, let reason) {
      throw TrainingError.unreadableImage(path: path, reason: reason)
    }
  }
}

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
  /// The probability of each class, by its name.
  public var probabilities: [String: Double]
  /// The most probable classes, as many as were asked for, the most probable first.
  public var top: [ClassProbability]
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

  /// The image files that a path stands for: a folder for the images below it, found and ordered as those of a class
  /// folder are, and everything else for itself.
  ///
  /// Throws ``TrainingError/unreadableImage(path:reason:)`` for a folder without images, and `DatasetError` for one
  /// that cannot be listed.
  public static func imageFiles(at path: String) throws -> [String] {
    guard let images = try Dataset.images(below: path) else { return [path] }
    guard !images.isEmpty else {
      throw TrainingError.unreadableImage(
        path: path, reason: "a folder without a .jpg, .jpeg, .png or .webp file in it or below")
    }
    return images
  }

  /// The class of each image file, at the posterior mean or averaged over so many draws of the posterior, and the `top`
  /// most probable ones.
  ///
  /// Throws ``TrainingError/unreadableImage(path:reason:)`` for a file that is not a readable image, unless it is told to
  /// `leavingOut` and left out, and ``TrainingError/invalidOption(_:)`` for a model of numbers or more classes than there
  /// are.
  public func predict(
    _ images: [String], device: Device, average samples: Int? = nil, top: Int = 1,
    leavingOut: ((_ path: String, _ reason: String) throws -> Void)? = nil
  ) throws -> [Prediction] {
    try classify(images, device: device, average: samples, top: top) { image in
      try input(of: image, device: device, leavingOut)
    }.map { image, found in
      Prediction(
        image: image, class: found.best.class, probability: found.best.probability, logits: found.logits,
        probabilities: found.probabilities, top: found.top)
    }
  }

  /// Refuses a number of classes to show that the model does not have.
  ///
  /// Throws ``TrainingError/invalidOption(_:)``, also for a model of numbers.
  package func checkTop(_ top: Int) throws {
    guard likelihood == .categorical else {
      throw TrainingError.invalidOption(
        "--top \(top): the model of \(run.path) predicts numbers, not classes. Leave --top out.")
    }
    guard top >= 1 else { throw TrainingError.invalidOption("--top \(top): expected at least 1.") }
    guard top <= classes.count else {
      throw TrainingError.invalidOption(
        "--top \(top): the model of \(run.path) has \(classes.count) classes. Pass at most \(classes.count).")
    }
  }

  /// What is said of an input.
  struct Classification {
    /// The most probable classes in order, at least one.
    var top: [ClassProbability]
    /// The probability of each class.
    var probabilities: [String: Double]
    var logits: [Double]
    /// The most probable class.
    var best: ClassProbability { top[0] }
  }

  /// How many inputs are in memory at a time: a folder may hold many images.
  private static let inputsAtATime = 64

  /// The classes of each item, at the posterior mean or averaged over so many draws of the posterior; those of which `input`
  /// makes nothing are left out.
  func classify<Item>(
    _ items: [Item], device: Device, average samples: Int?, top: Int, input: (Item) throws -> Tensor?
  ) throws -> [(item: Item, found: Classification)] {
    guard likelihood == .categorical else {
      throw TrainingError.invalidOption("this model predicts numbers: use predictValues")
    }
    try checkTop(top)
    let model = try model(device: device)
    let draws = try average(of: model, samples: samples)
    func logits(_ input: Tensor) throws -> Tensor {
      try withoutGrad { try model(input, mode: .evaluation).to(dtype: .float64) }
    }
    var all: [(item: Item, found: Classification)] = []
    for start in stride(from: 0, to: items.count, by: Self.inputsAtATime) {
      let inputs = try items[start..<min(start + Self.inputsAtATime, items.count)].compactMap { item in
        try input(item).map { (item: item, tensor: $0) }
      }
      guard let draws else {
        all += try inputs.map { item, tensor in
          let outputs = try logits(tensor)
          let found = classification(
            logProbabilities: try outputs.logSoftmax(dim: 1).doubles(), logits: try outputs.doubles(), top: top)
          return (item, found)
        }
        continue
      }
      // Each time the same draws, as their seed is the run's.
      let averages = try draws.logProbabilities(of: model) {
        try inputs.flatMap { try logits($0.tensor).logSoftmax(dim: 1).doubles() }
      }
      all += inputs.enumerated().map { index, input in
        let row = Array(averages[index * classes.count..<(index + 1) * classes.count])
        return (input.item, classification(logProbabilities: row, logits: row, top: top))
      }
    }
    return all
  }

  /// What the log probabilities of the classes say.
  private func classification(logProbabilities: [Double], logits: [Double], top: Int) -> Classification {
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

  /// The network's input for an image file, `[1, 3, S, S]`; nil for one that cannot be read and is told to `leavingOut`.
  func input(
    of path: String, device: Device, _ leavingOut: ((_ path: String, _ reason: String) throws -> Void)? = nil
  ) throws -> Tensor? {
    guard let preprocessing = preparation.preprocessing else {
      throw TrainingError.invalidOption(
        "\(run.path): \(network.backbone.name) reads texts. Pass --text, or CSV files with a column text.")
    }
    do {
      let (pixels, size) = (try preprocessing.apply(RGBImage.decode(path: path)), preprocessing.size)
      return try Tensor(pixels, shape: [1, size, size, 3]).permute([0, 3, 1, 2]).to(device: device)
    } catch DatasetError.unreadable(let path, let reason) {
      guard let leavingOut else { throw TrainingError.unreadableImage(path: path, reason: reason) }
      try leavingOut(path, reason)
      return nil
    }
  }
}

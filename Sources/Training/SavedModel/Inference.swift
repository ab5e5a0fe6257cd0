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
  /// The metrics of one split of a data set, at the posterior mean or averaged over so many draws of the posterior,
  /// with the preprocessing of training.
  ///
  /// Classes are matched by name; the data set's notes say which of them are left out. Throws Datasets' errors, also
  /// for data with classes where numbers are predicted and the reverse.
  public func evaluate(
    data: String, split: Split, device: Device, average samples: Int? = nil, batchSize: Int? = nil,
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
    // Before anything is decoded, as there may be no such average.
    let model = try model(device: device)
    let average = try average(of: model, samples: samples)
    let batches = try preparation.batches(
      of: examples, split: split, skipUnreadable: skipUnreadable, device: device, onEvent: onEvent)
    return try model.metrics(
      of: batches, under: likelihood, names: classes, batchSize: batchSize ?? usualBatchSize, average: average)
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
  /// Throws as ``forEachPrediction(_:device:average:top:batchSize:skipUnreadable:onEvent:_:)``.
  public func predict(
    _ images: [String], device: Device, average samples: Int? = nil, top: Int = 1, batchSize: Int? = nil,
    skipUnreadable: Bool = false, onEvent: (FineTuneEvent) throws -> Void = { _ in }
  ) throws -> [Prediction] {
    var predictions: [Prediction] = []
    try forEachPrediction(
      images, device: device, average: samples, top: top, batchSize: batchSize, skipUnreadable: skipUnreadable,
      onEvent: onEvent
    ) { predictions.append($0) }
    return predictions
  }

  /// Calls `body` with what ``predict(_:device:average:top:batchSize:skipUnreadable:onEvent:)`` returns, image by
  /// image: of many images, a part is decoded and in memory at a time.
  ///
  /// `onEvent` is told how many are decoded, and which cannot be read and are left out if such are skipped. Throws
  /// ``TrainingError/unreadableImage(path:reason:)`` for a file that is not a readable image,
  /// `DatasetError.nothingReadable` where such are skipped and no other is left, and
  /// ``TrainingError/invalidOption(_:)`` for a model of numbers or more classes than there are.
  public func forEachPrediction(
    _ images: [String], device: Device, average samples: Int? = nil, top: Int = 1, batchSize: Int? = nil,
    skipUnreadable: Bool = false, onEvent: (FineTuneEvent) throws -> Void = { _ in },
    _ body: (Prediction) throws -> Void
  ) throws {
    let classifier = try Classifier(self, device: device, average: samples, top: top, batchSize: batchSize)
    try forEachPart(of: images, skipUnreadable: skipUnreadable, device: device, onEvent: onEvent) { names, batches in
      for (image, found) in zip(names, try classifier(batches)) {
        try body(
          Prediction(
            image: image, class: found.best.class, probability: found.best.probability, logits: found.logits,
            probabilities: found.probabilities, top: found.top))
      }
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

  /// How many examples are computed at a time: no more than in training, which fitted into memory.
  var usualBatchSize: Int { min(64, (try? run.readConfiguration())?.batchSize ?? 64) }

  /// How many images are decoded at a time, of about 200 MB at most: a folder may hold any number.
  private func imagesAtATime(_ preprocessing: Preprocessing) -> Int {
    max(64, min(1024, 200_000_000 / (3 * preprocessing.resizeSize * preprocessing.resizeSize)))
  }

  /// Decodes image files, and calls `body` with so many at a time and their names.
  ///
  /// Throws ``TrainingError/unreadableImage(path:reason:)``, `DatasetError.nothingReadable` and
  /// ``TrainingError/invalidOption(_:)``.
  func forEachPart(
    of images: [String], skipUnreadable: Bool, device: Device, onEvent: (FineTuneEvent) throws -> Void,
    _ body: (_ names: [String], _ batches: ExampleBatches) throws -> Void
  ) throws {
    guard let preprocessing = preparation.preprocessing else {
      throw TrainingError.invalidOption(
        "\(run.path): \(network.backbone.name) reads texts. Pass --text, or CSV files with a column text.")
    }
    var isAnyReadable = false
    var unreadable: (path: String, reason: String)?
    let count = imagesAtATime(preprocessing)
    for start in stride(from: 0, to: images.count, by: count) {
      let part = images[start..<min(start + count, images.count)]
      do {
        let store = try ImageStore.decode(
          part.map { Example(source: .file($0), label: 0) }, preprocessing: preprocessing,
          skipUnreadable: skipUnreadable, name: "input"
        ) { event in
          guard case .decoding(let name, let done, _) = event else { return try onEvent(event) }
          // Of one image there is nothing to wait for.
          if images.count > 1 { try onEvent(.decoding(split: name, done: start + done, total: images.count)) }
        }
        isAnyReadable = true
        try body(store.examples.map(\.source.name), ExampleBatches(store, device: device))
      } catch DatasetError.unreadable(let path, let reason) {
        throw TrainingError.unreadableImage(path: path, reason: reason)
      } catch DatasetError.nothingReadable(let path, let reason) {
        unreadable = unreadable ?? (path, reason)
        try onEvent(
          .note("skipped \(path): \(reason)" + (part.count > 1 ? "; so are the \(part.count - 1) after it" : "")))
      }
    }
    if let unreadable, !isAnyReadable {
      throw DatasetError.nothingReadable(example: unreadable.path, reason: unreadable.reason)
    }
  }
}

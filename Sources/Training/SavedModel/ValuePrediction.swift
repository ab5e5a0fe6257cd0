import Evidence
import Torch

/// One image's predicted number.
public struct ValuePrediction: Codable, Sendable, Equatable {
  /// Always `prediction`.
  public var event = "prediction"
  /// The image file.
  public var image: String
  /// The prediction, at the posterior mean or averaged over the posterior, in the unit of the training values.
  public var value: Double
  /// The standard deviation of the noise around it, in the same unit; of an average with the posterior's spread.
  public var noise: Double
}

extension SavedModel {
  /// The number that each image file shows, at the posterior mean or averaged over so many draws of the posterior.
  ///
  /// Throws as ``forEachValuePrediction(_:device:average:batchSize:skipUnreadable:onEvent:_:)``.
  public func predictValues(
    _ images: [String], device: Device, average samples: Int? = nil, batchSize: Int? = nil,
    skipUnreadable: Bool = false, onEvent: (FineTuneEvent) throws -> Void = { _ in }
  ) throws -> [ValuePrediction] {
    var predictions: [ValuePrediction] = []
    try forEachValuePrediction(
      images, device: device, average: samples, batchSize: batchSize, skipUnreadable: skipUnreadable, onEvent: onEvent
    ) { predictions.append($0) }
    return predictions
  }

  /// Calls `body` with what ``predictValues(_:device:average:batchSize:skipUnreadable:onEvent:)`` returns, image by
  /// image: of many images, a part is decoded and in memory at a time.
  ///
  /// `onEvent` is told how many are decoded, and which cannot be read and are left out if such are skipped. Throws
  /// ``TrainingError/unreadableImage(path:reason:)`` for a file that is not a readable image,
  /// `DatasetError.nothingReadable` where such are skipped and no other is left, and
  /// ``TrainingError/invalidOption(_:)`` for a model of classes.
  public func forEachValuePrediction(
    _ images: [String], device: Device, average samples: Int? = nil, batchSize: Int? = nil,
    skipUnreadable: Bool = false,
    onEvent: (FineTuneEvent) throws -> Void = { _ in }, _ body: (ValuePrediction) throws -> Void
  ) throws {
    let predictor = try ValuePredictor(self, device: device, average: samples, batchSize: batchSize)
    try forEachPart(of: images, skipUnreadable: skipUnreadable, device: device, onEvent: onEvent) { names, batches in
      for (image, found) in zip(names, try predictor(batches)) {
        try body(ValuePrediction(image: image, value: found.value, noise: found.noise))
      }
    }
  }
}

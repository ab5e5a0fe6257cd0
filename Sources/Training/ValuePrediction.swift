import Evidence
import Torch

/// One image's predicted number.
public struct ValuePrediction: Codable, Sendable, Equatable {
  /// Always `prediction`.
  public var event = "prediction"
  /// The image file.
  public var image: String
  /// The prediction at the posterior mean, in the unit of the training values.
  public var value: Double
  /// The standard deviation of the noise around it, in the same unit.
  public var noise: Double
}

extension SavedModel {
  /// The number that each image file shows, at the posterior mean.
  ///
  /// Throws ``TrainingError/unreadableImage(path:reason:)`` for a file that is not a readable image, and
  /// ``TrainingError/invalidOption(_:)`` for a model of classes.
  public func predictValues(_ images: [String], device: Device) throws -> [ValuePrediction] {
    guard let gaussian = likelihood.gaussian else {
      throw TrainingError.invalidOption("this model predicts classes: use predict")
    }
    let model = try model(device: device)
    return try images.map { path in
      let input = try input(of: path, device: device)
      let value = try withoutGrad { try gaussian.values(model(input, mode: .evaluation)) }[0]
      return ValuePrediction(image: path, value: value, noise: gaussian.standardDeviation)
    }
  }
}

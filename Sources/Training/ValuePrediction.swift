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
  /// Throws ``TrainingError/unreadableImage(path:reason:)`` for a file that is not a readable image, and
  /// ``TrainingError/invalidOption(_:)`` for a model of classes.
  public func predictValues(
    _ images: [String], device: Device, average samples: Int? = nil
  ) throws -> [ValuePrediction] {
    guard let gaussian = likelihood.gaussian else {
      throw TrainingError.invalidOption("this model predicts classes: use predict")
    }
    let model = try model(device: device)
    let inputs = try images.map { try input(of: $0, device: device) }
    func values() throws -> [Double] {
      try inputs.flatMap { input in try withoutGrad { try gaussian.values(model(input, mode: .evaluation)) } }
    }
    let (means, spread) =
      try average(of: model, samples: samples)?.moments(of: model, values)
      ?? (values(), [Double](repeating: 0, count: images.count))
    let noise = gaussian.standardDeviation * gaussian.standardDeviation
    return images.indices.map {
      ValuePrediction(image: images[$0], value: means[$0], noise: (noise + spread[$0]).squareRoot())
    }
  }
}

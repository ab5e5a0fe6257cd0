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
  /// Throws ``TrainingError/unreadableImage(path:reason:)`` for a file that is not a readable image, unless it is told to
  /// `leavingOut` and left out, and ``TrainingError/invalidOption(_:)`` for a model of classes.
  public func predictValues(
    _ images: [String], device: Device, average samples: Int? = nil,
    leavingOut: ((_ path: String, _ reason: String) throws -> Void)? = nil
  ) throws -> [ValuePrediction] {
    let read = try images.compactMap { image in
      try input(of: image, device: device, leavingOut).map { (image: image, tensor: $0) }
    }
    return zip(read, try values(of: read.map(\.tensor), device: device, average: samples)).map {
      ValuePrediction(image: $0.image, value: $1.value, noise: $1.noise)
    }
  }

  /// The number of each input with the standard deviation of the noise around it.
  func values(
    of inputs: [Tensor], device: Device, average samples: Int?
  ) throws -> [(value: Double, noise: Double)] {
    guard let gaussian = likelihood.gaussian else {
      throw TrainingError.invalidOption("this model predicts classes: use predict")
    }
    let model = try model(device: device)
    func values() throws -> [Double] {
      try inputs.flatMap { input in try withoutGrad { try gaussian.values(model(input, mode: .evaluation)) } }
    }
    let (means, spread) =
      try average(of: model, samples: samples)?.moments(of: model, values)
      ?? (values(), [Double](repeating: 0, count: inputs.count))
    let noise = gaussian.standardDeviation * gaussian.standardDeviation
    return zip(means, spread).map { ($0, (noise + $1).squareRoot()) }
  }
}

import Datasets
import Foundation
import Torch

/// One text's predicted class.
public struct TextPrediction: Codable, Sendable, Equatable {
  /// Always `prediction`.
  public var event = "prediction"
  /// The text.
  public var text: String
  /// The table's row that it is from, `FILE:LINE`; nil for one that was given as it is.
  public var source: String?
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

/// One text's predicted number.
public struct TextValuePrediction: Codable, Sendable, Equatable {
  /// Always `prediction`.
  public var event = "prediction"
  /// The text.
  public var text: String
  /// The table's row that it is from, `FILE:LINE`; nil for one that was given as it is.
  public var source: String?
  /// The prediction, in the unit of the training values.
  public var value: Double
  /// The standard deviation of the noise around it; of an average with the posterior's spread.
  public var noise: Double
}

/// A text to predict from, and where it is from.
public struct TextInput: Sendable, Equatable {
  /// The text.
  public var text: String
  /// `FILE:LINE`, nil for one that was given as it is.
  public var source: String?

  /// A text that is from nowhere.
  public init(_ text: String) { self.text = text }

  /// The texts of a CSV or TSV file: its column `text`, or rows of a class number and texts.
  ///
  /// Throws `DatasetError`.
  public static func read(_ path: String) throws(DatasetError) -> [TextInput] {
    try Dataset.texts(of: path).map { source in
      var input = TextInput(source.text ?? "")
      input.source = source.name
      return input
    }
  }
}

extension SavedModel {
  /// The class of each text, at the posterior mean or averaged over so many draws of the posterior, and the `top` most
  /// probable ones.
  ///
  /// Throws ``TrainingError/invalidOption(_:)`` for a model of images or of numbers, or more classes than there are.
  public func predict(
    _ texts: [TextInput], device: Device, average samples: Int? = nil, top: Int = 1, batchSize: Int? = nil
  ) throws -> [TextPrediction] {
    let classifier = try Classifier(self, device: device, average: samples, top: top, batchSize: batchSize)
    return zip(texts, try classifier(batches(of: texts, device: device))).map { text, found in
      TextPrediction(
        text: text.text, source: text.source, class: found.best.class, probability: found.best.probability,
        logits: found.logits, probabilities: found.probabilities, top: found.top)
    }
  }

  /// The number of each text, at the posterior mean or averaged over so many draws of the posterior.
  ///
  /// Throws ``TrainingError/invalidOption(_:)`` for a model of images or of classes.
  public func predictValues(
    _ texts: [TextInput], device: Device, average samples: Int? = nil, batchSize: Int? = nil
  ) throws -> [TextValuePrediction] {
    let predictor = try ValuePredictor(self, device: device, average: samples, batchSize: batchSize)
    return zip(texts, try predictor(batches(of: texts, device: device))).map { text, found in
      TextValuePrediction(text: text.text, source: text.source, value: found.value, noise: found.noise)
    }
  }

  private func batches(of texts: [TextInput], device: Device) throws -> ExampleBatches {
    guard let tokenizer = preparation.tokenizer else {
      throw TrainingError.invalidOption("\(run.path): \(network.backbone.name) reads images. Pass image files.")
    }
    let examples = texts.map { Example(source: .text($0.text, file: "", line: 0), label: 0) }
    return ExampleBatches(try TextStore(examples, tokenizer: tokenizer), device: device)
  }
}

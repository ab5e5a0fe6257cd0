import Foundation

/// How well predicted class probabilities fit the labels of a split.
///
/// What older versions did not write is nil where it is read from their files.
public struct ClassificationMetrics: Codable, Sendable, Equatable {
  /// The fraction of examples whose most probable class is the label.
  public var accuracy: Double
  /// The mean over the classes present in the split of each class's accuracy.
  public var balancedAccuracy: Double
  /// The mean negative log likelihood, in nats.
  public var nll: Double
  /// The expected calibration error over 15 bins of equal width: Σ |bin|/N · |accuracy − mean confidence| (Guo et al.,
  /// ICML 2017, equation 3).
  public var ece: Double
  /// The Brier score: the mean over examples of Σ_k (p_k − 1[y = k])², from 0 to 2 (Brier, 1950).
  public var brier: Double?
  /// The reliability curve: the 15 bins of ``ece``, by rising confidence.
  public var reliability: [ReliabilityBin]?
  /// The class names, in the order of ``confusion``.
  public var classes: [String]?
  /// Each class's accuracy by its name, null where the split has no example of it.
  public var perClassAccuracy: [String: Double?]?
  /// The number of examples of each class (row) that were taken for each class (column).
  public var confusion: [[Int]]?

  /// The metrics of log probabilities `[N × classes]`, row-major, for N labels.
  ///
  /// The classes are called by `names`, or else by their numbers.
  public init(logProbabilities: [Double], labels: [Int], classes: Int, names: [String]? = nil) {
    var confusion = [[Int]](repeating: [Int](repeating: 0, count: classes), count: classes)
    var bins = [(count: Int, confidence: Double, correct: Int)](repeating: (0, 0, 0), count: ReliabilityBin.number)
    var (nllSum, brierSum) = (0.0, 0.0)
    for (index, label) in labels.enumerated() {
      let row = Array(logProbabilities[index * classes..<(index + 1) * classes])
      var best = 0
      for candidate in row.indices where row[candidate] > row[best] { best = candidate }
      let confidence = exp(row[best])
      confusion[label][best] += 1
      nllSum -= row[label]
      for (candidate, value) in row.enumerated() {
        let error = exp(value) - (candidate == label ? 1 : 0)
        brierSum += error * error
      }
      // Of a network whose outputs are not finite, no confidence has a bin of its own.
      let bin = confidence.isFinite ? min(bins.count - 1, Int(confidence * Double(bins.count))) : 0
      bins[bin].count += 1
      bins[bin].confidence += confidence
      bins[bin].correct += best == label ? 1 : 0
    }
    let count = Double(labels.count)
    let names = names ?? (0..<classes).map { "\($0)" }
    let accuracies = confusion.enumerated().map { label, row in
      let examples = row.reduce(0, +)
      return examples > 0 ? Double(row[label]) / Double(examples) : nil
    }
    let present = accuracies.compactMap { $0 }
    accuracy = Double(bins.reduce(0) { $0 + $1.correct }) / count
    balancedAccuracy = present.reduce(0, +) / Double(present.count)
    nll = nllSum / count
    brier = brierSum / count
    ece = bins.reduce(0) { $0 + abs(Double($1.correct) - $1.confidence) } / count
    reliability = bins.map { ReliabilityBin(count: $0.count, confidence: $0.confidence, correct: $0.correct) }
    self.classes = names
    perClassAccuracy = Dictionary(zip(names, accuracies), uniquingKeysWith: { first, _ in first })
    self.confusion = confusion
  }
}

/// The examples whose highest probability lies in one of 15 intervals of equal width.
public struct ReliabilityBin: Codable, Sendable, Equatable {
  /// The number of bins: bin i holds the confidences from i/15 up to, but without, (i + 1)/15, the last one also 1.
  public static let number = 15

  /// The number of examples.
  public var count: Int
  /// Their mean confidence, nil where there are none, and where one is not finite.
  public var confidence: Double?
  /// The fraction of them whose most probable class is the label, nil where there are none.
  public var accuracy: Double?

  /// A bin of so many examples, with the sum of their confidences and how many are correct.
  init(count: Int, confidence: Double, correct: Int) {
    self.count = count
    self.confidence = count > 0 && confidence.isFinite ? confidence / Double(count) : nil
    accuracy = count > 0 ? Double(correct) / Double(count) : nil
  }

  /// Writes nil as null, so that every bin has the same keys.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(count, forKey: .count)
    try container.encode(confidence, forKey: .confidence)
    try container.encode(accuracy, forKey: .accuracy)
  }
}

import Foundation

/// How well predicted class probabilities fit the labels of a split.
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

  /// The metrics of log probabilities `[N × classes]`, row-major, for N labels.
  public init(logProbabilities: [Double], labels: [Int], classes: Int) {
    let bins = 15
    var correctByClass = [Int](repeating: 0, count: classes)
    var countByClass = [Int](repeating: 0, count: classes)
    var binGap = [Double](repeating: 0, count: bins)
    var nllSum = 0.0
    for (index, label) in labels.enumerated() {
      let row = logProbabilities[index * classes..<(index + 1) * classes]
      var best = row.startIndex
      for candidate in row.indices where row[candidate] > row[best] { best = candidate }
      let isCorrect = best - row.startIndex == label
      let confidence = exp(row[best])
      countByClass[label] += 1
      correctByClass[label] += isCorrect ? 1 : 0
      nllSum -= row[row.startIndex + label]
      binGap[min(bins - 1, Int(confidence * Double(bins)))] += (isCorrect ? 1 : 0) - confidence
    }
    let count = Double(labels.count)
    let present = (0..<classes).filter { countByClass[$0] > 0 }
    accuracy = Double(correctByClass.reduce(0, +)) / count
    balancedAccuracy =
      present.reduce(0) { $0 + Double(correctByClass[$1]) / Double(countByClass[$1]) } / Double(present.count)
    nll = nllSum / count
    ece = binGap.reduce(0) { $0 + abs($1) } / count
  }
}

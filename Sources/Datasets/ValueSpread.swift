/// Where the values of a regression data set lie: their mean and standard deviation.
public struct ValueSpread: Equatable, Sendable {
  /// The mean.
  public let mean: Double
  /// The standard deviation, with N as the denominator; positive and finite.
  public let deviation: Double

  /// The spread of a data set's training values; `path` is what messages call the data set.
  ///
  /// Throws `DatasetError.unusableValues` for fewer than two values, values that are all the same, and values so large
  /// that their squares overflow.
  public init(_ values: [Double], path: String) throws(DatasetError) {
    guard values.count >= 2 else {
      throw .unusableValues(path: path, found: "\(values.count) training example\(values.count == 1 ? "" : "s")")
    }
    guard let first = values.first, values.contains(where: { $0 != first }) else {
      throw .unusableValues(path: path, found: "the value \(values[0]) for all \(values.count) training examples")
    }
    let count = Double(values.count)
    let mean = values.reduce(0) { $0 + $1 / count }
    let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) / count }).squareRoot()
    guard deviation > 0, deviation.isFinite else {
      throw .unusableValues(path: path, found: "values whose standard deviation is \(deviation)")
    }
    (self.mean, self.deviation) = (mean, deviation)
  }
}

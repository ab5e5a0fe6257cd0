/// The moments and the deviations that SWAG takes of SGD's iterates.
///
/// Algorithm 1 of Maddox et al. (arXiv 1902.02476): the start counts as the first iterate; after each later one the
/// running mean is updated, and the iterate's difference from it becomes a column of Q, of which the last K are kept.
/// The second moment is kept as the sum of squared differences from the mean (Welford), which is the same number
/// without its cancellation, in float64.
public struct SwagCollector: Sendable {
  /// K, the most columns that are kept.
  public let columns: Int
  /// The iterates so far, the start included.
  public private(set) var count = 1
  /// The last columns of Q, the oldest first.
  public private(set) var deviations: [[Float]] = []

  private var means: [Double]
  private var squares: [Double]

  /// A collector that has seen `start` only, the pretrained weights.
  public init(start: [Float], columns: Int) {
    self.columns = columns
    means = start.map(Double.init)
    squares = [Double](repeating: 0, count: start.count)
  }

  /// Takes an iterate, as long as the start.
  public mutating func collect(_ weights: [Float]) {
    precondition(weights.count == means.count, "\(weights.count) weights, expected \(means.count)")
    count += 1
    let share = 1 / Double(count)
    let deviation = [Float](unsafeUninitializedCapacity: weights.count) { deviation, initialized in
      means.withUnsafeMutableBufferPointer { mean in
        squares.withUnsafeMutableBufferPointer { squares in
          weights.withUnsafeBufferPointer { weights in
            for index in 0..<weights.count {
              let weight = Double(weights[index])
              let before = weight - mean[index]
              mean[index] += before * share
              let after = weight - mean[index]
              squares[index] += before * after
              deviation.initializeElement(at: index, to: Float(after))
            }
          }
        }
      }
      initialized = weights.count
    }
    if deviations.count == columns, columns > 0 { deviations.removeFirst() }
    if columns > 0 { deviations.append(deviation) }
  }

  /// The mean of the iterates.
  public var mean: [Float] { means.map { Float($0) } }

  /// S: the mean of their squares less the square of their mean, at least 0.
  public var variance: [Float] {
    let share = 1 / Double(count)
    return squares.map { Float(max(0, $0 * share)) }
  }
}

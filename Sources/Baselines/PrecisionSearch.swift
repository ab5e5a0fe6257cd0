import Foundation

/// The prior precisions of LA-LML on their way: ln P of each block, ascended along the evidence by Adam.
///
/// As published: from P = 1, after each epoch 100 steps of Adam at rate 1, whose moments go on from epoch to epoch. The
/// update is PyTorch's, in float64.
public struct PrecisionSearch: Sendable, Equatable {
  /// Adam's steps after each epoch.
  public static let stepsPerEpoch = 100
  /// Adam's learning rate.
  public static let learningRate = 1.0
  /// ln P is kept within ± this, e⁵⁰ ≈ 5·10²¹: a block that lies at its prior's mean has no finite best precision.
  public static let limit = 50.0

  /// ln P of each block.
  public private(set) var logPrecisions: [Double]
  private var mean: [Double]
  private var square: [Double]
  private var count = 0

  /// A search that begins at precision 1.
  public init(blocks: Int) {
    logPrecisions = [Double](repeating: 0, count: blocks)
    (mean, square) = (logPrecisions, logPrecisions)
  }

  /// P of each block.
  public var precisions: [Double] { logPrecisions.map { exp($0) } }

  /// Ascends an evidence for an epoch's steps.
  ///
  /// Throws PyTorch's errors.
  public mutating func ascend(_ evidence: LaplaceEvidence) throws {
    for _ in 0..<Self.stepsPerEpoch { step(try evidence.slopes(precisions: precisions)) }
  }

  /// One step of Adam along a gradient, uphill (Kingma and Ba, 2015, algorithm 1; ε as in PyTorch); a precision whose
  /// slope is not finite, as of a network that diverges, stays as it is.
  public mutating func step(_ slopes: [Double]) {
    count += 1
    let (first, second) = (1 - pow(0.9, Double(count)), 1 - pow(0.999, Double(count)))
    for (place, slope) in slopes.enumerated() where slope.isFinite {
      mean[place] = 0.9 * mean[place] + 0.1 * slope
      square[place] = 0.999 * square[place] + 0.001 * slope * slope
      let rate = Self.learningRate / first
      let moved = logPrecisions[place] + rate * mean[place] / ((square[place] / second).squareRoot() + 1e-8)
      logPrecisions[place] = max(-Self.limit, min(Self.limit, moved))
    }
  }

  /// All its numbers, for a checkpoint; ``init(numbers:)`` reads them.
  public var numbers: [Double] { [Double(count)] + logPrecisions + mean + square }

  /// What ``numbers`` told; nil for other numbers.
  public init?(numbers: [Double]) {
    guard let count = numbers.first.flatMap({ Int(exactly: $0) }), count >= 0, numbers.count % 3 == 1 else {
      return nil
    }
    let blocks = numbers.count / 3
    self.count = count
    logPrecisions = Array(numbers[1..<1 + blocks])
    mean = Array(numbers[1 + blocks..<1 + 2 * blocks])
    square = Array(numbers[(1 + 2 * blocks)...])
  }
}

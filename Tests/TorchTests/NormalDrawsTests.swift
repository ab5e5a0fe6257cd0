import Foundation
import Testing
import Torch

@Suite struct NormalDrawsTests {
  private func draw(
    _ count: Int, seed: UInt64 = 1, step: UInt64 = 0, from start: Int = 0, using set: NormalDraws.InstructionSet = .best
  ) -> [Float] {
    var values = [Float](repeating: .nan, count: count)
    values.withUnsafeMutableBufferPointer { NormalDraws(seed: seed, step: step).fill($0, from: start, using: set) }
    return values
  }

  /// Philox4x32-10 with a zero counter and key, from the known-answer vectors of the Random123 library, put through
  /// Box–Muller in float64.
  @Test func agreesWithThePublishedKnownAnswer() {
    let words: [UInt32] = [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
    func pair(_ a: UInt32, _ b: UInt32) -> [Double] {
      let radius = (-2 * log((Double(a) + 0.5) * 0x1p-32)).squareRoot()
      let angle = 2 * Double.pi * Double(b) * 0x1p-32
      return [radius * cos(angle), radius * sin(angle)]
    }
    let expected = pair(words[0], words[1]) + pair(words[2], words[3])
    for (value, oracle) in zip(draw(4, seed: 0), expected) { #expect(abs(Double(value) - oracle) < 1e-6) }
  }

  @Test(arguments: NormalDraws.InstructionSet.allCases.filter(\.isAvailable))
  func everyInstructionSetGivesTheSameBits(set: NormalDraws.InstructionSet) {
    #expect(
      draw(100_003, seed: 5, step: 9, from: 3, using: set) == draw(100_003, seed: 5, step: 9, from: 3, using: .baseline)
    )
  }

  @Test func anyPartCanBeDrawnAgain() {
    let whole = draw(1000, seed: 3, step: 7)
    for (start, count) in [(0, 1), (1, 3), (5, 64), (63, 130), (64, 128), (997, 3)] {
      #expect(draw(count, seed: 3, step: 7, from: start) == Array(whole[start..<start + count]))
    }
  }

  /// Sums over 10⁸ draws, a million at a time.
  private func sums(_ streams: [(seed: UInt64, step: UInt64, start: Int)], _ term: ([Float], [Float]) -> Double)
    -> Double
  {
    let part = 1_000_000
    return stride(from: 0, to: Self.many, by: part).reduce(0) { sum, start in
      let drawn = streams.map { draw(part, seed: $0.seed, step: $0.step, from: $0.start + start) }
      return sum + term(drawn[0], drawn[drawn.count - 1])
    }
  }
  private static let many = 100_000_000

  @Test func momentsAreThoseOfTheStandardNormal() {
    let n = Double(Self.many)
    var (mean, variance, kurtosis) = (0.0, 0.0, 0.0)
    _ = sums([(11, 0, 0)]) { values, _ in
      for value in values {
        let x = Double(value)
        mean += x
        variance += x * x
        kurtosis += x * x * x * x
      }
      return 0
    }
    // Five standard errors: √(1/n), √(2/n), √(96/n).
    #expect(abs(mean / n) < 5 * (1 / n).squareRoot())
    #expect(abs(variance / n - 1) < 5 * (2 / n).squareRoot())
    #expect(abs(kurtosis / n - 3) < 5 * (96 / n).squareRoot())
  }

  /// Between neighbouring steps and seeds, and along the indices of a block, of two blocks, of two registers.
  @Test(arguments: [(1, 2, 0), (2, 1, 0), (1, 1, 1), (1, 1, 2), (1, 1, 4), (1, 1, 64)] as [(UInt64, UInt64, Int)])
  func stepsSeedsAndIndicesAreUncorrelated(seed: UInt64, step: UInt64, shift: Int) {
    let n = Double(Self.many)
    var squares = 0.0
    let product = sums([(1, 1, 0), (seed, step, shift)]) { a, b in
      var sum = 0.0
      for i in a.indices {
        let (x, y) = (Double(a[i]), Double(b[i]))
        sum += x * y
        // Dependence that a plain correlation does not show.
        squares += (x * x - 1) * (y * y - 1)
      }
      return sum
    }
    #expect(abs(product / n) < 5 / n.squareRoot())
    #expect(abs(squares / n) < 5 * 2 / n.squareRoot())
  }
}

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

  @Test func momentsAreThoseOfTheStandardNormal() {
    let count = 4_000_000
    let values = draw(count, seed: 11).map(Double.init)
    let n = Double(count)
    let mean = values.reduce(0, +) / n
    let variance = values.reduce(0) { $0 + $1 * $1 } / n
    let kurtosis = values.reduce(0) { $0 + $1 * $1 * $1 * $1 } / n
    // Five standard errors: √(1/n), √(2/n), √(96/n).
    #expect(abs(mean) < 5 * (1 / n).squareRoot())
    #expect(abs(variance - 1) < 5 * (2 / n).squareRoot())
    #expect(abs(kurtosis - 3) < 5 * (96 / n).squareRoot())
  }

  @Test func stepsSeedsAndIndicesAreUncorrelated() {
    let count = 1_000_000
    let base = draw(count, seed: 1, step: 1)
    for other in [
      draw(count, seed: 1, step: 2), draw(count, seed: 2, step: 1), draw(count, seed: 1, step: 1, from: 1),
      draw(count, seed: 1, step: 1, from: 4),
    ] {
      let correlation = zip(base, other).reduce(0.0) { $0 + Double($1.0) * Double($1.1) } / Double(count)
      #expect(abs(correlation) < 5 / Double(count).squareRoot())
    }
  }
}

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

  /// Philox4x32-10 as its paper has it: four words of a counter, two of a key.
  private static func philox(counter: (low: UInt64, high: UInt64), key: UInt64) -> [UInt32] {
    func halves(_ value: UInt64) -> (UInt32, UInt32) {
      (UInt32(truncatingIfNeeded: value), UInt32(truncatingIfNeeded: value >> 32))
    }
    var ((a, b), (c, d)) = (halves(counter.low), halves(counter.high))
    var (first, second) = halves(key)
    for _ in 0..<10 {
      let left = a.multipliedFullWidth(by: 0xD251_1F53)
      let right = c.multipliedFullWidth(by: 0xCD9E_8D57)
      (a, b, c, d) = (right.high ^ b ^ first, right.low, left.high ^ d ^ second, left.low)
      (first, second) = (first &+ 0x9E37_79B9, second &+ 0xBB67_AE85)
    }
    return [a, b, c, d]
  }

  /// The oracle's other two known answers of Random123, of counters and keys that are not zero.
  @Test func theOracleAgreesWithThePublishedKnownAnswers() {
    #expect(
      Self.philox(counter: (.max, .max), key: .max) == [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd])
    #expect(
      Self.philox(counter: (0x85a3_08d3_243f_6a88, 0x0370_7344_1319_8a2e), key: 0x299f_31d0_a409_3822)
        == [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1])
  }

  /// Draws `start` and on: index i is lane i mod 4 of the block i / 4, whose words are a counter of (block, step); of
  /// each pair of words the first gives a radius and the second an angle, by Box–Muller in float64.
  private static func oracle(_ count: Int, seed: UInt64, step: UInt64, from start: Int) -> [Double] {
    var values: [Double] = []
    values.reserveCapacity(count + 8)
    for block in start / 4...(start + count - 1) / 4 {
      let words = philox(counter: (UInt64(block), step), key: seed)
      for pair in [0, 2] {
        // A float32 holds 24 bits of the uniform number: the one step whose rounding is part of the definition.
        let uniform = (Float(words[pair] >> 1) + 0.25) * 0x1p-31
        let radius = (-2 * log(Double(uniform))).squareRoot()
        let angle = 2 * Double.pi * Double(words[pair + 1]) * 0x1p-32
        values += [radius * cos(angle), radius * sin(angle)]
      }
    }
    return Array(values[(start % 4)..<(start % 4 + count)])
  }

  /// Seeds, steps and indices whose lower and upper halves all count.
  private static let streams: [(seed: UInt64, step: UInt64, start: Int)] = [
    (1, 0, 0), (0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210, 0x1357_9bdf_2468_ace1),
    // Block 2³² and index 2³² are reached in the middle.
    (0x1_0000_0000, 2, 0x3_ffff_3caf), (7, 0x1_0000_0000, 0xffff_3cb1), (3, 5, 0x24_0000_0000),
    (0xffff_ffff_ffff_ffff, 0xffff_ffff_ffff_ffff, 0x7fff_ffff_fffc_f2bf),
  ]

  /// What float32 adds up to, at most, as parts of a draw: neither the logarithm near 1 nor the sine near 0 cancels.
  ///
  /// The radius: the polynomial is fitted to 4e-8 and its sums are rounded by 2e-7, of which the root leaves half, and
  /// rounds by 6e-8. The angle: two roundings and that of its factor, 1.5e-7, and 1e-7 of its sine or cosine. Their
  /// product: 6e-8. Together 5e-7, of which 2.8e-7 was the most found.
  @Test(arguments: NormalDraws.InstructionSet.allCases.filter(\.isAvailable), streams)
  func agreesWithBoxMullerInFloat64(
    set: NormalDraws.InstructionSet, stream: (seed: UInt64, step: UInt64, start: Int)
  ) {
    let count = 100_003
    let found = draw(count, seed: stream.seed, step: stream.step, from: stream.start, using: set)
    let expected = Self.oracle(count, seed: stream.seed, step: stream.step, from: stream.start)
    let wrong = found.indices.first { !(abs(Double(found[$0]) - expected[$0]) <= 5e-7 * abs(expected[$0]) + 1e-15) }
    if let wrong { Issue.record("draw \(wrong): found \(found[wrong]), expected \(expected[wrong])") }
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

import Foundation
import Support

/// What tests draw, the same in each run of them.
extension SplitMix64 {
  /// The numbers of a seed, which is mixed first: states that differ by the increment would be one stream, shifted by a
  /// draw.
  package init(seed: UInt64) { self.init(state: Self.mixed(seed &+ Self.gamma)) }

  /// A number in [0, 1).
  package mutating func uniform() -> Double { next().unitInterval }

  /// A number in `0..<bound`, which is at least 1.
  package mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  /// A number in a range.
  package mutating func integer(_ range: ClosedRange<Int>) -> Int { range.lowerBound + below(range.count) }

  /// A standard normal number (Box and Muller).
  package mutating func normal() -> Double { (-2 * log(1 - uniform())).squareRoot() * cos(2 * .pi * uniform()) }
}

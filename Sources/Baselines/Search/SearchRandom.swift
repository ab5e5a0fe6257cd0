import Support

/// Random numbers of a search: the same on every machine for the same seed.
package struct SearchRandom: RandomNumberGenerator {
  private var generator: SplitMix64

  /// A sequence for a seed and what it is used for.
  package init(seed: UInt64, stream: UInt64 = 0) {
    generator = SplitMix64(state: seed &* 0xD134_2543_DE82_EF95 &+ stream &* 0xA076_1D64_78BD_642F)
    _ = next()
  }

  /// The next 64 bits.
  package mutating func next() -> UInt64 { generator.next() }

  /// A number in [0, 1).
  package mutating func uniform() -> Double { next().unitInterval }

  /// A point of the unit cube.
  package mutating func point(_ dimensions: Int) -> [Double] { (0..<dimensions).map { _ in uniform() } }

  /// A number in `0..<bound`.
  package mutating func below(_ bound: Int) -> Int { next().scaled(below: bound) }

  /// The indices `0..<count` in random order.
  package mutating func permutation(_ count: Int) -> [Int] { Support.permutation(count) { below($1) } }
}

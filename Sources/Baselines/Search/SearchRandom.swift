/// Random numbers of a search: the same on every machine for the same seed (SplitMix64: Steele, Lea and Flood, OOPSLA 2014).
package struct SearchRandom: RandomNumberGenerator {
  private var state: UInt64

  /// A sequence for a seed and what it is used for.
  package init(seed: UInt64, stream: UInt64 = 0) {
    state = seed &* 0xD134_2543_DE82_EF95 &+ stream &* 0xA076_1D64_78BD_642F
    _ = next()
  }

  /// The next 64 bits.
  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// A number in [0, 1).
  package mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// A point of the unit cube.
  package mutating func point(_ dimensions: Int) -> [Double] { (0..<dimensions).map { _ in uniform() } }

  /// A number in `0..<bound`.
  package mutating func below(_ bound: Int) -> Int {
    Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// The indices `0..<count` in random order (Fisher and Yates).
  package mutating func permutation(_ count: Int) -> [Int] {
    var indices = Array(0..<count)
    for place in stride(from: count - 1, to: 0, by: -1) { indices.swapAt(place, below(place + 1)) }
    return indices
  }
}

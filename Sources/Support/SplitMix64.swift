/// The SplitMix64 generator (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
package struct SplitMix64: RandomNumberGenerator {
  /// What is added to the state for each number: 2⁶⁴ divided by the golden ratio.
  package static let gamma: UInt64 = 0x9E37_79B9_7F4A_7C15

  private var state: UInt64

  /// The numbers from a state on.
  package init(state: UInt64) { self.state = state }

  /// The next 64 bits.
  package mutating func next() -> UInt64 {
    state &+= Self.gamma
    return Self.mixed(state)
  }

  /// What makes a number of a state: a bijection in which each bit of the input changes about half the bits.
  package static func mixed(_ state: UInt64) -> UInt64 {
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

extension UInt64 {
  /// Random bits as a number in [0, 1) with 53 bits.
  package var unitInterval: Double { Double(self >> 11) * 0x1p-53 }

  /// Random bits as a number in `0..<bound`: the high word of a 128-bit product, biased by less than bound / 2⁶⁴.
  package func scaled(below bound: Int) -> Int {
    Int(truncatingIfNeeded: multipliedFullWidth(by: UInt64(bound)).high)
  }
}

/// The indices `0..<count` in random order (Fisher and Yates); `draw` gives a number below its second argument for each
/// place.
package func permutation(_ count: Int, draw: (_ place: Int, _ bound: Int) -> Int) -> [Int] {
  var indices = Array(0..<count)
  for place in stride(from: count - 1, to: 0, by: -1) { indices.swapAt(place, draw(place, place + 1)) }
  return indices
}

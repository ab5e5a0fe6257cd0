/// Random numbers as a pure function of a tuple of integers: no state, so no dependence on order or threads.
///
/// Each integer is mixed in by SplitMix64's finalizer (Steele, Lea & Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014) over the running value plus the golden-ratio increment.
struct CounterHash {
  private var state: UInt64

  /// What a tuple is used for, as its first member, so that uses never share numbers.
  enum Purpose: UInt64 {
    case crop = 1
    case order
    case subset
    case holdOut
    case batches
  }

  init(_ purpose: Purpose, _ parts: UInt64...) {
    state = Self.mix(purpose.rawValue)
    for part in parts { state = Self.mix(state ^ Self.mix(part)) }
  }

  /// The number at a position of this tuple's own sequence.
  func value(_ counter: UInt64) -> UInt64 { Self.mix(state &+ counter &* 0x9E37_79B9_7F4A_7C15) }

  /// A number in `0..<bound`: the high word of a 128-bit product, biased by less than bound / 2⁶⁴.
  func value(_ counter: UInt64, below bound: Int) -> Int {
    Int(truncatingIfNeeded: value(counter).multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// The indices `0..<count` in random order (Fisher-Yates).
  func permutation(_ count: Int) -> [Int] {
    var indices = Array(0..<count)
    for i in stride(from: count - 1, to: 0, by: -1) {
      indices.swapAt(i, value(UInt64(i), below: i + 1))
    }
    return indices
  }

  private static func mix(_ input: UInt64) -> UInt64 {
    var z = input &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

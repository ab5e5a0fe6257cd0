import Support

/// Random numbers as a pure function of a tuple of integers: no state, so no dependence on order or threads.
///
/// Each integer is mixed in by SplitMix64's finalizer over the running value plus the golden-ratio increment.
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
  func value(_ counter: UInt64) -> UInt64 { Self.mix(state &+ counter &* SplitMix64.gamma) }

  /// A number in `0..<bound`.
  func value(_ counter: UInt64, below bound: Int) -> Int { value(counter).scaled(below: bound) }

  /// The indices `0..<count` in random order.
  func permutation(_ count: Int) -> [Int] { Support.permutation(count) { value(UInt64($0), below: $1) } }

  private static func mix(_ input: UInt64) -> UInt64 { SplitMix64.mixed(input &+ SplitMix64.gamma) }
}

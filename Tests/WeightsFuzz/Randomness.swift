import Support

/// What is drawn for one input: a function of the seed and the input's number.
struct Randomness {
  private var generator: SplitMix64

  init(seed: UInt64, input: Int) {
    generator = SplitMix64(state: seed &* SplitMix64.gamma &+ UInt64(input))
    _ = next()
  }

  mutating func next() -> UInt64 { generator.next() }

  /// A number below `bound`, which is at least 1.
  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  mutating func element<Element>(_ array: [Element]) -> Element { array[below(array.count)] }
}

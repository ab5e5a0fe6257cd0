import Support
import Testing

@Suite struct SplitMix64Tests {
  /// The first outputs of the authors' C code (splitmix64.c by Sebastiano Vigna) for the seed 1234567.
  @Test func itIsTheAuthors() {
    var generator = SplitMix64(state: 1_234_567)
    #expect(
      (0..<5).map { _ in generator.next() } == [
        6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423, 4_593_380_528_125_082_431,
        16_408_922_859_458_223_821,
      ])
  }

  @Test func bitsBecomeNumbers() {
    #expect(UInt64.max.unitInterval == 1 - 0x1p-53 && UInt64.min.unitInterval == 0)
    #expect(UInt64.max.scaled(below: 7) == 6 && UInt64.min.scaled(below: 7) == 0)
    #expect((UInt64.max / 2).scaled(below: 2) == 0 && (UInt64.max / 2 + 1).scaled(below: 2) == 1)
  }

  @Test func permutationsHaveEveryIndexOnce() {
    var generator = SplitMix64(state: 5)
    let order = permutation(100) { generator.next().scaled(below: $1) }
    #expect(order.sorted() == Array(0..<100) && order != Array(0..<100))
    #expect(permutation(3) { place, _ in place } == [0, 1, 2])
    #expect(permutation(3) { _, _ in 0 } == [1, 2, 0])
    #expect(permutation(0) { _, _ in 0 }.isEmpty)
  }
}

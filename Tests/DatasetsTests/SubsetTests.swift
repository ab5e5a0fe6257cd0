import Datasets
import Testing

@Suite struct SubsetTests {
  private static let sizes = ["a": 60, "b": 25, "c": 12, "d": 2, "e": 1]

  /// A table of 100 examples in mixed order.
  private func subset(n: Int?, seed: UInt64 = 0) throws -> [Example] {
    let scratch = try Scratch()
    let rows = Self.sizes.sorted { $0.key < $1.key }.flatMap { name, count in
      (0..<count).map { (order: $0 * 37 % 101, row: "/\(name)\($0).jpg,\(name)\n") }
    }
    try scratch.write("list.csv", "path,label\n" + rows.sorted { $0.order < $1.order }.map(\.row).joined())
    let dataset = try Dataset.open("\(scratch.path)/list.csv", options: .init(n: n, seed: seed))
    return try #require(dataset.splits[.train])
  }

  private func names(_ examples: [Example]) -> Set<String> {
    Set(examples.map { if case .file(let path) = $0.source { path } else { "" } })
  }

  @Test func smallerSubsetsLieInLargerOnes() throws {
    var previous: Set<String> = []
    for n in 5...100 {
      let current = names(try subset(n: n))
      #expect(current.count == n)
      #expect(current.isSuperset(of: previous))
      previous = current
    }
  }

  @Test func classesKeepTheirShares() throws {
    for n in [5, 10, 20, 40, 77, 100] {
      var counts = [Int](repeating: 0, count: 5)
      for example in try subset(n: n) { counts[example.label] += 1 }
      #expect(counts.allSatisfy { $0 >= 1 })
      // Small classes get one place at least, which the others give up.
      for (count, size) in zip(counts, [60, 25, 12, 2, 1]) {
        #expect(abs(Double(count) - Double(n * size) / 100) < (n < 20 ? 2.5 : 1.5))
      }
    }
  }

  @Test func seedsDecideAndOrderStays() throws {
    let all = try subset(n: nil)
    let some = try subset(n: 30, seed: 4)
    #expect(some == (try subset(n: 30, seed: 4)))
    #expect(names(some) != names(try subset(n: 30, seed: 5)))
    #expect(all.filter(some.contains) == some)
    #expect(try subset(n: 100) == all)
  }

  @Test func sizesThatDoNotFitAreRefused() throws {
    let large = #expect(throws: DatasetError.subsetTooLarge(n: 101, available: 100)) { try subset(n: 101) }
    #expect(large?.description.contains("--n 101 is larger than the training set (100 examples)") == true)
    let small = #expect(throws: DatasetError.subsetTooSmall(n: 4, classes: 5)) { try subset(n: 4) }
    #expect(small?.description.contains("--n 4 is smaller than the number of classes (5)") == true)
    #expect(throws: DatasetError.subsetTooSmall(n: -1, classes: 5)) { try subset(n: -1) }
  }
}

import Datasets
import Testing

@Suite struct HoldOutTests {
  private static let sizes = [60, 25, 12, 2, 1]

  private func dataset() throws -> Dataset {
    let examples = Self.sizes.enumerated().flatMap { label, count in
      (0..<count).map { (order: $0 * 37 % 101, example: Example(source: .file("\(label)/\($0).png"), label: label)) }
    }.sorted { $0.order < $1.order }.map(\.example)
    let scratch = try Scratch()
    let rows = examples.map { example -> String in
      guard case .file(let path) = example.source else { return "" }
      return "/\(path),class\(example.label)\n"
    }
    try scratch.write("list.csv", "path,label\n" + rows.joined())
    return try Dataset.open("\(scratch.path)/list.csv")
  }

  @Test(arguments: [1, 20, 40, 95]) func thePartsAreDisjointAndEveryClassIsTrainedOn(count: Int) throws {
    let dataset = try dataset()
    let all = try #require(dataset.splits[.train])
    let parts = try dataset.holdingOut(count, seed: 3)
    #expect(parts.heldOut.count == count && parts.kept.count == 100 - count)
    #expect(all.filter { parts.kept.contains($0) } == parts.kept)
    #expect(all.filter { !parts.kept.contains($0) } == parts.heldOut)
    #expect(Set(parts.kept.map(\.label)).count == 5)
    for (label, size) in Self.sizes.enumerated() where count <= 40 {
      let held = parts.heldOut.count { $0.label == label }
      #expect(abs(Double(held) - Double(size * count) / 100) < 1.5)
    }
  }

  @Test func theSeedDecides() throws {
    let dataset = try dataset()
    let parts = try dataset.holdingOut(20, seed: 3)
    #expect(try dataset.holdingOut(20, seed: 3) == parts)
    #expect(try dataset.holdingOut(20, seed: 4) != parts)
    #expect(throws: DatasetError.subsetTooSmall(n: 4, classes: 5)) { try dataset.holdingOut(96, seed: 3) }
  }
}

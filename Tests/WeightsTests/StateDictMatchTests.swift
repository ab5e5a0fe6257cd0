import Testing
import Weights

struct StateDictMatchTests {
  @Test func theSameNamesAndShapesFitInAnyOrder() throws {
    try StateDictMatch.check(
      expected: [("a", [1]), ("b", [2, 3])], found: [("b", [2, 3]), ("a", [1])], file: "w.safetensors")
  }

  @Test func anIgnoredNameMayBeMissingUnexpectedOrOfAnotherShape() throws {
    try StateDictMatch.check(
      expected: [("a", [1]), ("fc.weight", [5, 2]), ("fc.bias", [5])],
      found: [("a", [1]), ("fc.weight", [1000, 2]), ("fc.x", [])],
      file: "w.safetensors", ignoring: { $0.hasPrefix("fc.") })
  }

  @Test func theThreeListsArePrinted() throws {
    let error = try #require(throws: CheckpointMismatch.self) {
      try StateDictMatch.check(
        expected: [("conv1.weight", [64, 3, 7, 7]), ("bn1.bias", [64])] + (0..<13).map { ("layer.\($0)", [1]) },
        found: [("conv1.weight", [64, 1, 7, 7]), ("stem", [])], file: "w.safetensors")
    }
    #expect(error.missing.count == 14 && error.unexpected == ["stem"])
    let rest = (0..<9).map { "    layer.\($0)\n" }.joined()
    #expect(
      error.description == """
        w.safetensors: these weights do not fit the model.
          missing (14):
            bn1.bias
        \(rest)    … and 4 more
          unexpected (1):
            stem
          wrong shape (1):
            conv1.weight: found [64, 1, 7, 7], expected [64, 3, 7, 7]
        Pass the --model these weights were made for; `gridless models` lists them.
        """)
  }
}

import Baselines
import Foundation
import Testing

@Suite struct HyperparameterGridTests {
  /// Harvey, Petrov and Hughes (arXiv 2502.01861): 144, 24 and 240 runs.
  @Test func thePublishedGridsHaveTheirSizes() {
    for (grid, count) in [(HyperparameterGrid.l2SP, 144), (.l2Zero, 24), (.ptyl, 240)] {
      #expect(grid.count == count)
      #expect(Set(grid.points).count == count)
    }
    #expect(HyperparameterGrid.l2SP.points.first == ["lr": 0.1, "alpha": 0.01, "beta": 0.01])
    #expect(HyperparameterGrid.l2SP.points.last == ["lr": 0.0001, "alpha": 0, "beta": 0])
    #expect(HyperparameterGrid.ptyl.values["lambda"]?.last == 1e9)
  }

  @Test func aSmallerDrawBeginsALargerOne() {
    let few = HyperparameterGrid.l2SP.drawn(5, seed: 1)
    let many = HyperparameterGrid.l2SP.drawn(24, seed: 1)
    #expect(Array(many.prefix(5)) == few)
    #expect(Set(many).count == 24)
    #expect(HyperparameterGrid.l2SP.drawn(24, seed: 2) != many)
    #expect(Set(HyperparameterGrid.l2SP.drawn(1000, seed: 1)).count == 144)
  }

  @Test func aFileIsReadAndItsFaultsAreTold() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("grid-\(UUID().uuidString).json").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    func read(_ text: String) throws -> HyperparameterGrid {
      try Data(text.utf8).write(to: URL(fileURLWithPath: path))
      return try HyperparameterGrid(path: path)
    }
    #expect(try read(#"{"lr": [0.1, 0.01], "alpha": [0, 0.001]}"#).points.count == 4)
    let faults = [
      (#"{"lr": [0.1], "alfa": [1]}"#, "unknown: alfa"), (#"{"lr": [0.1]}"#, "one of alpha and lambda"),
      (#"{"lr": [], "alpha": [0]}"#, "lr has no values"), (#"{"lr": [0], "alpha": [0]}"#, "lr has the value 0.0"),
      (#"{"lr": [1], "alpha": [-1]}"#, "alpha has the value -1.0"), ("[1]", "not a JSON object of lists"),
      (#"{"lr": [1, 1], "alpha": [1]}"#, "lr has a value twice"),
    ]
    for (text, says) in faults {
      let error = try #require(throws: GridError.self) { try read(text) }
      #expect(error.description.hasPrefix("\(path): "))
      #expect(error.description.contains(says))
    }
    #expect(throws: GridError.file(path: "/none", problem: "cannot be read")) { try HyperparameterGrid(path: "/none") }
  }

  @Test func aSpaceMapsTheCubeToValuesAndBack() throws {
    let values = SearchSpace.l2SP.values(at: [0, 0.5, 1])
    #expect(abs((values["alpha"] ?? 0) - 1e-6) < 1e-18)
    #expect(abs((values["beta"] ?? 0) - 1e-4) < 1e-16)
    #expect(abs((values["lr"] ?? 0) - 0.1) < 1e-13)
    let point = try #require(SearchSpace.l2SP.point(of: values))
    #expect(zip(point, [0, 0.5, 1]).allSatisfy { abs($0 - $1) < 1e-12 })
    #expect(SearchSpace.l2SP.point(of: ["lr": 0.1]) == nil)
  }
}

import Backbones
import Foundation
import TestSupport
import Testing
import Training
import Weights

/// A prior is read as it was written, and one that does not fit is refused with the reason.
struct PriorFileTests {
  private let folder = ScratchFolder()
  private var path: String { folder.path("prior.safetensors") }

  private static func network(_ name: String = "resnet8", classes: Int = 3) throws -> Network {
    try Backbone.named(name).makeNetwork(classes: classes)
  }

  /// Each parameter's values in logical order: a formula of kind, name and index.
  private static func values(_ kind: String, _ name: String, _ count: Int) -> [Float] {
    (0..<count).map { index in
      let value = Float((index * 31 + name.utf8.reduce(kind.utf8.count) { ($0 * 7 + Int($1)) % 997 }) % 101) / 64
      return kind == "variance" ? value : value - 0.7
    }
  }

  private static func prior(_ network: Network, columns: Int = 5) -> PretrainedPrior {
    func vector(_ kind: String) -> [Float] {
      network.layout.backboneVector(network.layout.backboneSlices.map { values(kind, $0.name, $0.count) })
    }
    return PretrainedPrior(
      mean: vector("mean"), variance: vector("variance"), deviations: (0..<columns).map { vector("column \($0)") },
      buffers: network.buffers.slices.map { values("buffer", $0.name, $0.shape.reduce(1, *)) })
  }

  private func write(_ prior: PretrainedPrior, of network: Network) throws {
    try PriorFile.write(prior, of: network, origin: ["method": "swag", "lr": "0.01"], to: path)
  }

  @Test func itIsReadAsItWasWrittenForAnyNumberOfClasses() throws {
    let network = try Self.network()
    let prior = Self.prior(network)
    try write(prior, of: network)
    let file = try PriorFile(path: path)
    #expect(file.model == "resnet8" && file.columns == 5 && file.origin == ["method": "swag", "lr": "0.01"])
    #expect(try file.prior(for: network) == prior)
    #expect(try file.prior(for: Self.network(classes: 10), columns: 5) == prior)
    let fewer = try file.prior(for: network, columns: 2)
    #expect(fewer.deviations == Array(prior.deviations.prefix(2)))
    #expect(fewer.mean.count == network.layout.backboneRange.count)
  }

  @Test func aTruncatedFileIsNoPrior() throws {
    let network = try Self.network()
    try write(Self.prior(network), of: network)
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: path))
    let error = #expect(throws: PriorError.self) { try PriorFile(path: path) }
    #expect("\(error.map { "\($0)" } ?? "")".contains("Make one with gridless prior, or pass another."))
  }

  /// The file's tensors are in PyTorch's order, whatever the vector's.
  @Test func tensorsAreByNameInLogicalOrder() throws {
    let network = try Self.network()
    try write(Self.prior(network), of: network)
    let file = try SafetensorsFile(path: path)
    let slice = try #require(network.layout.slices.first { $0.shape.count == 4 && $0.shape[1] > 1 })
    #expect(try file.floats("mean/\(slice.name)") == Self.values("mean", slice.name, slice.count))
    #expect(file.info("deviations/\(slice.name)")?.shape == [5] + slice.shape)
    let second = try file.floats("deviations/\(slice.name)", part: slice.count..<2 * slice.count)
    #expect(second == Self.values("column 1", slice.name, slice.count))
    #expect(file.info("mean/\(network.backbone.headParameterNames[0])") == nil)
    #expect(file.metadata["format"] == "gridless prior 1")
  }

  @Test func statisticsAreOptional() throws {
    let network = try Self.network()
    var prior = Self.prior(network)
    prior.buffers = nil
    try write(prior, of: network)
    #expect(try PriorFile(path: path).prior(for: network) == prior)
  }

  @Test func anotherArchitectureIsNamed() throws {
    let network = try Self.network()
    try write(Self.prior(network), of: network)
    #expect(throws: PriorError.otherModel(path: path, found: "resnet8", expected: "resnet20")) {
      try PriorFile(path: path).prior(for: Self.network("resnet20"))
    }
    // A file that claims another model is compared by names and shapes.
    let other = try Self.network("resnet20")
    try Safetensors.write(
      other.layout.backboneSlices.map {
        NamedArray(name: "mean/\($0.name)", shape: $0.shape, [Float](repeating: 0, count: $0.count))
      },
      metadata: ["format": "gridless prior 1", "model": "resnet8", "columns": "5"], to: path)
    let error = try #require(throws: CheckpointMismatch.self) { try PriorFile(path: path).prior(for: network) }
    #expect(error.missing.contains { $0.hasPrefix("variance/") })
    #expect(error.unexpected.contains { $0.hasPrefix("mean/") })
  }

  @Test func moreColumnsThanThereAreAreRefused() throws {
    let network = try Self.network()
    try write(Self.prior(network, columns: 2), of: network)
    #expect(throws: PriorError.tooFewColumns(path: path, asked: 5, found: 2)) {
      try PriorFile(path: path).prior(for: network, columns: 5)
    }
  }

  @Test func numbersWithoutAMeaningAreNeitherWrittenNorRead() throws {
    let network = try Self.network()
    let name = network.layout.slices[0].name
    var prior = Self.prior(network)
    prior.variance[0] = -1
    #expect(throws: PriorError.negativeVariance(path: path, name: "variance/\(name)", index: 0, value: "-1.0")) {
      try write(prior, of: network)
    }
    prior = Self.prior(network)
    prior.deviations[1][0] = .nan
    #expect(throws: PriorError.self) { try write(prior, of: network) }
    #expect(!FileManager.default.fileExists(atPath: path))

    // The same numbers in a file from elsewhere.
    try write(Self.prior(network), of: network)
    for (tensor, value) in [("mean", Float.nan), ("deviations", .infinity), ("variance", -0.5), ("buffer", .nan)] {
      let bad = folder.path("bad.safetensors")
      let file = try SafetensorsFile(path: path)
      let changed = try #require(file.tensors.first { $0.name.hasPrefix(tensor + "/") }).name
      try Safetensors.write(
        file.tensors.map { info in
          var values = try file.floats(info.name)
          if info.name == changed { values[values.count - 1] = value }
          return NamedArray(name: info.name, shape: info.shape, values)
        }, metadata: file.metadata, to: bad)
      let error = try #require(throws: PriorError.self) { try PriorFile(path: bad).prior(for: network) }
      #expect("\(error)".contains("\(changed)["), "\(error)")
    }
  }

  @Test func whatIsNoPriorIsSaid() throws {
    let network = try Self.network()
    try Safetensors.write(network.namedArrays(network.initialState(seed: 1)), metadata: ["format": "pt"], to: path)
    let error = try #require(throws: PriorError.self) { try PriorFile(path: path) }
    #expect("\(error)".contains("its format is 'pt', expected 'gridless prior 1'"))
    try Safetensors.write([], metadata: ["format": "gridless prior 1"], to: path)
    #expect(throws: PriorError.notAPrior(path: path, found: "its metadata has no model")) { try PriorFile(path: path) }
    #expect(throws: WeightsError.self) { try PriorFile(path: folder.path("absent")) }
  }
}

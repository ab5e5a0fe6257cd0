import Backbones
import Foundation
import TestSupport
import Testing
import Training
import Weights

/// Published priors are mapped by names, or by the order of a state dict, and never by position alone.
struct PriorImportTests {
  typealias Arrays = [(name: String, shape: [Int], values: [Float])]

  private let folder = ScratchFolder()
  private let network: Network
  private let columns = 3

  init() throws { network = try Backbone.named("resnet8").makeNetwork(classes: 4) }

  /// The order of PyTorch's `state_dict()`: the head last, statistics behind their layer; here just not the layout's.
  private var names: [(name: String, shape: [Int])] {
    let slices = Array(network.layout.backboneSlices).reversed().map { ($0.name, $0.shape) }
    let head = network.layout.slices.filter { $0.group == .head }.map { ($0.name, $0.shape) }
    let statistics = network.buffers.slices.map { ($0.name, $0.shape) }
    return Array(slices.prefix(5)) + statistics + Array(slices.dropFirst(5)) + head
  }

  private func isParameter(_ name: String) -> Bool { network.layout.backboneSlices.contains { $0.name == name } }

  private static func values(_ kind: Int, _ name: String, _ shape: [Int]) -> [Float] {
    let start = name.utf8.reduce(kind * 131) { ($0 * 7 + Int($1)) % 997 }
    return (0..<shape.reduce(1, *)).map { Float((start + $0 * 13) % 101) / 101 }
  }

  private func dict(_ kind: Int, prefix: String = "", onlyParameters: Bool = false) -> Arrays {
    names.filter { !onlyParameters || isParameter($0.name) }.map {
      (prefix + $0.name, $0.shape, Self.values(kind, $0.name, $0.shape))
    }
  }

  /// All numbers of the backbone's parameters, one after the other.
  private func flat(_ kind: Int) -> [Float] { dict(kind, onlyParameters: true).flatMap(\.values) }

  private func write(_ name: String, _ arrays: Arrays) throws -> String {
    let path = folder.path(name)
    try Pickle.file(arrays).write(to: URL(fileURLWithPath: path))
    return path
  }

  private func importer(
    _ mean: Arrays, _ variance: Arrays, _ covariance: Arrays, weights: Arrays? = nil
  ) throws -> PriorImport {
    var importer = PriorImport(
      mean: try write("mean.pt", mean), variance: try write("variance.pt", variance),
      covariance: try write("covmat.pt", covariance), model: "resnet8", out: folder.path("prior.safetensors"))
    importer.weights = try weights.map { try write("model.pt", $0) }
    importer.overwrite = true
    return importer
  }

  private func expectTheSame(_ importer: PriorImport, buffers: Bool = true, columns: Int = 3) throws {
    let result = try importer.run()
    #expect(result.columns == columns && result.method == "import" && result.d == network.layout.backboneCount)
    let prior = try PriorFile(path: importer.out).prior(for: network)
    func vector(_ kind: Int) -> [Float] {
      network.layout.backboneVector(network.layout.backboneSlices.map { Self.values(kind, $0.name, $0.shape) })
    }
    #expect(prior.mean == vector(0) && prior.variance == vector(1))
    #expect(prior.deviations == (0..<columns).map { vector(2 + $0) })
    let statistics = network.buffers.slices.map { Self.values(0, $0.name, $0.shape) }
    #expect(prior.buffers == (buffers ? statistics : nil))
  }

  private var flatColumns: Arrays { [("", [columns, flat(2).count], (0..<columns).flatMap { flat(2 + $0) })] }
  private func bare(_ values: [Float]) -> Arrays { [("", [values.count], values)] }

  /// The authors' files: tensors, beside a state dict without a head.
  @Test func theAuthorsFormIsMappedByTheOrderOfTheStateDict() throws {
    let model = dict(0).filter { !network.backbone.headParameterNames.contains($0.name) }
    try expectTheSame(importer(bare(flat(0)), bare(flat(1)), flatColumns, weights: model))
    // With the head in the dict, and fewer columns: the first.
    var fewer = try importer(bare(flat(0)), bare(flat(1)), flatColumns, weights: dict(0))
    fewer.columns = 2
    try expectTheSame(fewer, columns: 2)
  }

  @Test func stateDictsAreMappedByNames() throws {
    let perParameter: Arrays = names.filter { isParameter($0.name) }.reversed().map { name, shape in
      (name, [columns] + shape, (0..<columns).flatMap { Self.values(2 + $0, name, shape) })
    }
    let variance = Array(dict(1, onlyParameters: true).reversed())
    try expectTheSame(importer(dict(0, prefix: "module."), variance, perParameter))
    try expectTheSame(importer(dict(0, onlyParameters: true), variance, perParameter), buffers: false)
    // Columns that stand last, and one vector per column.
    let last: Arrays = perParameter.map { name, shape, values in
      let count = values.count / columns
      return (
        name, [count, columns], (0..<count).flatMap { index in (0..<columns).map { values[$0 * count + index] } }
      )
    }
    try expectTheSame(importer(dict(0), variance, last))
    let vectors: Arrays = (0..<columns).map { ("\($0)", [flat(2 + $0).count], flat(2 + $0)) }
    try expectTheSame(importer(dict(0), variance, vectors))
  }

  @Test func transposedColumnsAreRecognised() throws {
    let rows = (0..<columns).map { flat(2 + $0) }
    let transposed: Arrays = [
      ("", [rows[0].count, columns], rows[0].indices.flatMap { index in rows.map { $0[index] } })
    ]
    try expectTheSame(importer(dict(0), bare(flat(1)), transposed))
  }

  private func expectRefusal(_ reason: String, _ importer: PriorImport) throws {
    let error = try #require(throws: (any Error).self) { try importer.run() }
    #expect("\(error)".contains(reason), "\(error)")
    #expect(!FileManager.default.fileExists(atPath: importer.out))
  }

  @Test func positionAloneIsNoMapping() throws {
    try expectRefusal("no state dict tells the order", importer(bare(flat(0)), bare(flat(1)), flatColumns))
    // Another order of the same length.
    try expectRefusal(
      "stand in another order",
      importer(bare(flat(0).reversed().map { 1 - $0 * 2 }), bare(flat(1)), flatColumns, weights: dict(0)))
    try expectRefusal(
      "a tensor of length 5; resnet8 has \(network.layout.backboneCount) parameters",
      importer(dict(0), bare([1, 2, 3, 4, 5]), flatColumns))
  }

  @Test func whatDoesNotFitIsNamed() throws {
    let missing = Array(dict(0).dropFirst())
    try expectRefusal("missing (1)", importer(missing, bare(flat(1)), flatColumns))
    try expectRefusal(
      "unexpected (1)", importer(dict(0) + [("layer9.weight", [1], [1])], bare(flat(1)), flatColumns))
    try expectRefusal(
      "holds the network's parameters several times, under 'a.', 'b.'",
      importer(dict(0, prefix: "a.") + dict(0, prefix: "b."), bare(flat(1)), flatColumns))
    var negative = flat(1)
    negative[7] = -1
    try expectRefusal("expected variances of at least 0", importer(dict(0), bare(negative), flatColumns))
    var infinite = flatColumns
    infinite[0].values[3] = .infinity
    try expectRefusal("is inf, expected finite numbers", importer(dict(0), bare(flat(1)), infinite))
    var many = try importer(dict(0), bare(flat(1)), flatColumns)
    many.columns = 4
    try expectRefusal("4 columns asked for, the prior has 3", many)
    try expectRefusal("expected [D] or a state dict", importer(dict(0), flatColumns, flatColumns))
    try expectRefusal("expected the columns [K, D]", importer(dict(0), bare(flat(1)), bare(flat(1))))
    try expectRefusal(
      "the same K for all parameters", importer(dict(0), bare(flat(1)), dict(2, onlyParameters: true)))
  }
}

import Datasets
import Foundation
import Testing
import Training

/// Inputs that stay on the host where the network is on a GPU, on the CPU: each split says so, and the run is that
/// without a GPU.
@Suite struct HostInputsTests {
  private static let splits = ["train", "held-out", "test"]

  /// A run's result, and what it tells of splits that stay on the host.
  private func run(_ options: FineTuneOptions) throws -> (result: FineTuneResult, notes: [String]) {
    var notes: [String] = []
    let result = try FineTuner(options).run { if case .note(let note) = $0 { notes.append(note) } }
    return (result, notes.filter { $0.contains("on the host") })
  }

  /// The notes of a run as on a GPU, whose steps and model are those of the plain run, byte by byte.
  private func notes(beside plain: FineTuneOptions) throws -> [String] {
    let expected = try run(plain)
    #expect(expected.notes.isEmpty)
    var options = plain
    options.out += "-gpu"
    options.trainsAsOnGPU = true
    let found = try run(options)
    #expect(found.result.loss == expected.result.loss && found.result.test == expected.result.test)
    #expect(found.result.test != nil && found.result.validation == expected.result.validation)
    for name in ["metrics.jsonl", "model.safetensors"] {
      let bytes = try #require(FileManager.default.contents(atPath: "\(plain.out)/\(name)"))
      #expect(bytes == FileManager.default.contents(atPath: "\(options.out)/\(name)"), "\(name)")
    }
    return found.notes
  }

  @Test func textsStayOnTheHost() throws {
    let table = try TextRunTests.Table()
    let told = try notes(beside: table.options("run") { ($0.steps, $0.holdOut) = (6, 0.25) })
    #expect(told == Self.splits.map { "the \($0) texts stay on the host, which makes their batches" })
    let vocabularies = try ["run", "run-gpu"].map { try Vocabulary(path: table.folder.path("\($0)/vocab.txt")) }
    #expect(vocabularies[0] == vocabularies[1])
  }

  /// Only images of one size lie on the device; with square ones nothing is told.
  @Test func imagesOfManySizesStayOnTheHost() throws {
    let table = try ValueTable()
    try table.write("classes.csv", column: "label", table.files.indices.map { $0 % 2 == 0 ? "x" : "y" })
    func options(_ out: String, _ resize: Preprocessing.Resize) -> FineTuneOptions {
      table.options(out) {
        ($0.data, $0.resize, $0.initialSigma) = (table.folder.path("classes.csv"), resize, 2e-3)
        $0.holdOut = 0.25
      }
    }
    let told = try notes(beside: options("shortest", .shortest))
    let reason = "slower (with --resize shortest they differ in size)"
    #expect(told == Self.splits.map { "the \($0) images stay on the host, which makes their batches: \(reason)" })
    var square = options("square", .square)
    square.trainsAsOnGPU = true
    #expect(try run(square).notes.isEmpty)
  }
}

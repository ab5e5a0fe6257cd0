import Foundation
import TestSupport
import Testing
import Weights

/// All hostile files, one after the other in a process of their own: each is refused with its name, and none costs
/// much.
@Suite(.serialized) struct HostileCorpusTests {
  private struct Line: Decodable {
    var file: String
    var error: String?
    var tensors: Int?
    var kilobytes: Int
    var seconds: Double
  }

  private static let isLong = ProcessInfo.processInfo.environment["GRIDLESS_LONG_TESTS"] == "1"

  /// Opens files in a new process and returns what it found.
  private func open(_ files: [String], in folder: String) throws -> [Line] {
    let output = try Tool.run(["open"] + files, in: folder)
    return try output.split(separator: "\n").map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
  }

  /// Writes files, opens them in one process, and checks refusals, memory and, in long tests, time.
  private func expectRefused(_ files: [(fault: String?, suffix: String, bytes: Data)]) throws {
    try withTemporaryFile("x") { path in
      let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
      var names: [String] = []
      for (index, file) in files.enumerated() {
        names.append("\(index).\(file.suffix)")
        try file.bytes.write(to: URL(fileURLWithPath: "\(folder)/\(names[index])"))
      }
      let lines = try open(names, in: folder)
      #expect(lines.map(\.file) == names, "the process must not end early")
      for (line, file) in zip(lines, files) {
        let error = line.error ?? "read"
        #expect(
          error.hasPrefix("\(line.file): ") && (file.fault.map(error.contains) ?? true), "\(file.fault ?? ""): \(error)"
        )
        #expect(error.hasSuffix(".") && error.utf8.count < 5000, "\(error.prefix(100))")
        // It is the whole process's peak, so it bounds each file's.
        #expect(line.kilobytes < 64 << 10, "\(file.fault ?? line.file)")
        if Self.isLong { #expect(line.seconds < 1, "\(file.fault ?? line.file)") }
      }
      print(
        "hostile files: \(lines.count), at most \(lines.map(\.kilobytes).max() ?? 0) kB and "
          + "\(lines.map(\.seconds).max() ?? 0) s of processor time")
    }
  }

  @Test func everyHostileFileIsRefusedAtLittleCost() throws {
    let archives = (HostilePickles.all + HostileArchives.all).map { hostile in
      // What does not begin as an archive is not taken for one.
      (hostile.bytes.starts(with: Data("PK".utf8)) ? hostile.fault : nil, "pth", hostile.bytes)
    }
    let safetensors = MalformedFileTests.cases.map { (nil as String?, "safetensors", $0.bytes) }
    let indices = HostileIndices.all.map { ($0.fault as String?, "json", Data($0.text.utf8)) }
    let kinds = HostilePickles.all.count + HostileArchives.all.count + safetensors.count + indices.count
    #expect(kinds >= 60)
    try expectRefused(archives + safetensors + indices)
  }

  /// The most that each limit lets through, with a fault at the end.
  @Test func theCostliestFilesAreRefusedAtLittleCost() throws {
    try expectRefused(CostlyFiles.safetensors.map { (nil, "safetensors", $0) })
    for pickle in CostlyFiles.pickles {
      try expectRefused([(nil, "pth", ZipBuilder(pickle: Pickle.whole(pickle)).data)])
    }
    try expectRefused([(nil, "pth", CostlyFiles.archive)])
    try expectRefused([(nil, "json", CostlyFiles.index)])
  }

  /// Mutated inputs as many as a short test bears; `make fuzz` reads ten million with sanitizers.
  @Test func mutationsCrashNothing() throws {
    let count = Self.isLong ? 2_000_000 : 20_000
    let golden = packageRoot.appendingPathComponent("Tests/golden/weights").path
    let output = try Tool.run(["run", "\(count)", "0", "20260101", golden], in: NSTemporaryDirectory())
    print("mutated inputs: \(output)")
    struct Result: Decodable { var inputs, read, refused: Int }
    let result = try JSONDecoder().decode(Result.self, from: Data(output.utf8))
    // Some mutations are harmless: a byte that nothing reads, a name, a location.
    #expect(result.inputs == count && result.read > count / 50 && result.refused > count / 2)
  }
}

import Foundation
import Support
import Testing
import Weights

@Suite(.serialized) struct WritingTests {
  private func contents(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }

  private func neighbours(_ path: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: URL(fileURLWithPath: path).deletingLastPathComponent().path)
  }

  @Test func aFileIsCreatedAndReplaced() throws {
    try withTemporaryFile("with space é.json") { path in
      try AtomicFile.write(Data("old".utf8), to: path)
      try AtomicFile.write([Data("n".utf8), Data(), Data("ew".utf8)], to: path)
      #expect(contents(path) == "new")
      #expect(try neighbours(path) == ["with space é.json"])
    }
  }

  @Test func aFailureWhileWritingLeavesTheOldFile() throws {
    try withTemporaryFile { path in
      try AtomicFile.write(Data("old".utf8), to: path)
      // The system takes 1 MB in a short write, then refuses.
      var limits = rlimit()
      try #require(getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limits) == 0)
      let handler = signal(SIGXFSZ, SIG_IGN)
      var small = rlimit(rlim_cur: 1 << 20, rlim_max: limits.rlim_max)
      try #require(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &small) == 0)
      defer {
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limits)
        signal(SIGXFSZ, handler)
      }
      #expect(throws: AtomicFileError(path: path, operation: "write", code: EFBIG, bytes: 3 << 20)) {
        try AtomicFile.write(Data(count: 3 << 20), to: path)
      }
      #expect(contents(path) == "old")
      #expect(try neighbours(path).count == 1)
    }
  }

  @Test func aFailureWhileRenamingLeavesNoTemporaryFile() throws {
    try withTemporaryFile("folder") { path in
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      #expect(throws: AtomicFileError(path: path, operation: "rename", code: EISDIR, bytes: 3)) {
        try AtomicFile.write(Data("new".utf8), to: path)
      }
      #expect(try neighbours(path) == ["folder"])
    }
  }

  @Test func anAbsentFolderIsNamed() throws {
    let error = AtomicFileError(path: "/nowhere/a.json", operation: "create", code: ENOENT, bytes: 2)
    #expect(throws: error) { try AtomicFile.write(Data("{}".utf8), to: "/nowhere/a.json") }
    #expect(
      error.description == "/nowhere/a.json: cannot be written (create: No such file or directory; 2 bytes needed). "
        + "Check the folder, its permissions and free space.")
  }

  @Test(.enabled(if: geteuid() != 0, "root may write everywhere"))
  func aReadOnlyFolderKeepsTheOldFile() throws {
    try withTemporaryFile { path in
      try AtomicFile.write(Data("old".utf8), to: path)
      let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
      try #require(chmod(folder, 0o555) == 0)
      defer { chmod(folder, 0o755) }
      #expect(throws: AtomicFileError(path: path, operation: "create", code: EACCES, bytes: 3)) {
        try AtomicFile.write(Data("new".utf8), to: path)
      }
      #expect(contents(path) == "old")
    }
  }

  @Test func arraysThatMakeNoFileAreRefusedAndTheOldFileStays() throws {
    let sound = NamedArray(name: "a", shape: [2], [1, 2] as [Float])
    let faults: [([NamedArray], String)] = [
      ([sound, sound], "'a' is reserved or occurs twice"),
      ([NamedArray(name: "__metadata__", shape: [], [1] as [Float])], "'__metadata__' is reserved or occurs twice"),
      ([NamedArray(name: "b", shape: [3], [1, 2] as [Float])], "tensor 'b', F32 [3], was given 8 bytes"),
      ([NamedArray(name: "b", shape: [-1, -2], [1, 2] as [Float])], "tensor 'b', F32 [-1, -2], was given 8 bytes"),
    ]
    try withTemporaryFile { path in
      try Safetensors.write([sound], to: path)
      for (arrays, fault) in faults {
        let error = try #require(throws: WeightsError.self) { try Safetensors.write(arrays, to: path) }
        #expect("\(error)".hasPrefix("\(path): not written (") && "\(error)".contains(fault), "\(error)")
      }
      #expect(try SafetensorsFile(path: path).floats("a") == [1, 2])
    }
  }

  /// Every byte counts, the header's as well, and the file is one that the format allows.
  @Test func aChecksumTellsEveryDamagedByte() throws {
    try withTemporaryFile { path in
      let array = NamedArray(name: "a", shape: [2], [1, 2] as [Float])
      try Safetensors.write([array], metadata: ["k": "v"], checksum: true, to: path)
      let file = try SafetensorsFile(path: path)
      try file.verifyChecksum()
      #expect(try file.floats("a") == [1, 2])
      let sound = try Data(contentsOf: URL(fileURLWithPath: path))
      for index in sound.indices {
        var damaged = sound
        damaged[index] ^= 1
        try damaged.write(to: URL(fileURLWithPath: path))
        #expect(throws: WeightsError.self, "byte \(index)") { try SafetensorsFile(path: path).verifyChecksum() }
      }
      for count in 0..<sound.count {
        try sound.prefix(count).write(to: URL(fileURLWithPath: path))
        #expect(throws: WeightsError.self, "\(count) bytes") { try SafetensorsFile(path: path).verifyChecksum() }
      }
      try Safetensors.write([array], to: path)
      #expect(throws: WeightsError.malformed(path: path, problem: "it has no checksum")) {
        try SafetensorsFile(path: path).verifyChecksum()
      }
    }
  }

  /// Only files that this type names are temporary, whatever else is hidden in the folder.
  @Test func whatAKilledWriterLeavesIsRemoved() throws {
    try withTemporaryFile("model.safetensors") { path in
      let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
      let others = [".hidden", ".a.partial", "b.1.partial", ".c.x!.partial", ".d.1.partial~"]
      for name in others + [AtomicFile.temporaryName(for: "model.safetensors")] {
        try Data().write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
      }
      AtomicFile.removeTemporaries(in: folder)
      #expect(try neighbours(path).sorted() == others.sorted())
    }
  }

  /// A file stays readable through an open mapping while another takes its place.
  @Test func anOpenFileSurvivesItsReplacement() throws {
    try withTemporaryFile { path in
      try Safetensors.write([NamedArray(name: "a", shape: [1], [1] as [Float])], to: path)
      let old = try SafetensorsFile(path: path)
      try Safetensors.write([NamedArray(name: "a", shape: [1], [2] as [Float])], to: path)
      #expect(try old.floats("a") == [1])
      #expect(try SafetensorsFile(path: path).floats("a") == [2])
    }
  }
}

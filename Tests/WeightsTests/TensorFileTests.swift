import Foundation
import TestSupport
import Testing
import Weights

/// Weights are told by content: files, indices of shards, and the folders that people have.
struct TensorFileTests {
  /// A folder that `body` fills and that is removed.
  private func withFolder(_ body: (_ path: String) throws -> Void) throws {
    try withTemporaryFile("x") { try body(URL(fileURLWithPath: $0).deletingLastPathComponent().path) }
  }

  private func write(_ path: String, _ data: Data) throws {
    let url = URL(fileURLWithPath: path)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try data.write(to: url)
  }

  private func writeSafetensors(_ path: String, _ values: [String: Float]) throws {
    try write(path, Data())
    try Safetensors.write(values.map { NamedArray(name: $0.key, shape: [1], [$0.value]) }, to: path)
  }

  private func pyTorch(_ name: String, _ value: Float) -> Data { Pickle.file([(name, [1], [value])]) }

  private func index(_ map: [String: String]) -> Data {
    let members = map.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \"\($0.value)\"" }.joined(separator: ",\n")
    return Data("{\"metadata\": {\"total_size\": 8.0},\n\"weight_map\": {\(members)}}\n".utf8)
  }

  @Test func contentCountsAndNotTheName() throws {
    try withFolder { folder in
      try writeSafetensors("\(folder)/a.pth", ["a": 1])
      try write("\(folder)/a.safetensors", pyTorch("a", 2))
      #expect(try TensorFile.open("\(folder)/a.pth").floats("a") == [1])
      #expect(try TensorFile.open("\(folder)/a.safetensors").floats("a") == [2])
    }
  }

  /// A header of 123 bytes or 0x7B7B begins with a brace, one of 0x4B50 as a zip file and one of 0x8B1F as gzip's.
  @Test(arguments: [0x7B, 0x7B7B, 0x4B50, 0x8B1F]) func aLengthThatLooksLikeAnotherFormatIsNone(length: Int) throws {
    try withFolder { folder in
      let header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"
      let padded = header + String(repeating: " ", count: length - header.utf8.count)
      try write("\(folder)/a", safetensors(padded, data: 4))
      #expect(try TensorFile.open("\(folder)/a").floats("a") == [0])
    }
  }

  @Test func shardsAreOneFile() throws {
    try withFolder { folder in
      try writeSafetensors("\(folder)/1.safetensors", ["a": 1, "unlisted": 9])
      try write("\(folder)/2.bin", pyTorch("b", 2))
      let path = "\(folder)/model.safetensors.index.json"
      try write(path, index(["a": "1.safetensors", "b": "2.bin"]))
      let file = try TensorFile.open(path)
      #expect(file.shapes.map(\.name) == ["a", "b"] && file.shapes.map(\.shape) == [[1], [1]])
      #expect(try file.floats("a") == [1] && file.floats("b") == [2] && file.floats("b", part: 0..<1) == [2])
      #expect(try file.array("b") == NamedArray(name: "b", shape: [1], [2] as [Float]))
      #expect(throws: WeightsError.noTensor(path: path, name: "unlisted")) { try file.floats("unlisted") }

      // Any changed file is another identity, the same files are the same.
      let before = file.checksum()
      #expect(try TensorFile.open(path).checksum() == before)
      try write("\(folder)/2.bin", pyTorch("b", 3))
      #expect(try TensorFile.open(path).checksum() != before)
      try write("\(folder)/2.bin", pyTorch("b", 2))
      try write(path, index(["a": "1.safetensors", "b": "2.bin"]) + Data("\n".utf8))
      #expect(try TensorFile.open(path).checksum() != before)

      try write(path, index(["a": "1.safetensors", "c": "2.bin"]))
      let error = try #require(throws: WeightsError.self) { try TensorFile.open(path) }
      #expect("\(error)".contains("its shard '2.bin' has no tensor 'c'"), "\(error)")
      // A shard is no index, and no folder.
      try write(path, index(["a": "model.safetensors.index.json"]))
      #expect(throws: WeightsError.self) { try TensorFile.open(path) }
    }
  }

  @Test func theFileOfAFolderIsChosenAsTransformersDoes() throws {
    try withFolder { folder in
      try write("\(folder)/config.json", Data("{\"model_type\": \"resnet\"}".utf8))
      func expect(_ value: Float, _ name: String) throws {
        for path in [folder, folder + "/"] {
          let file = try TensorFile.open(path)
          #expect(try file.path == "\(folder)/\(name)" && file.floats("a") == [value])
        }
      }
      try write("\(folder)/1.bin", pyTorch("a", 1))
      try write("\(folder)/pytorch_model.bin.index.json", index(["a": "1.bin"]))
      try expect(1, "pytorch_model.bin.index.json")
      try write("\(folder)/pytorch_model.bin", pyTorch("a", 2))
      try expect(2, "pytorch_model.bin")
      try writeSafetensors("\(folder)/3.safetensors", ["a": 3])
      try write("\(folder)/model.safetensors.index.json", index(["a": "3.safetensors"]))
      try expect(3, "model.safetensors.index.json")
      try writeSafetensors("\(folder)/model.safetensors", ["a": 4])
      try expect(4, "model.safetensors")
    }
  }

  /// As huggingface_hub lays it out: snapshots of links to blobs, and refs to the snapshots.
  @Test func aSnapshotOfTheCacheIsResolved() throws {
    try withFolder { folder in
      let model = "\(folder)/models--org--name"
      for (blob, revision, value) in [("b1", "0123", 1), ("b2", "4567", 2)] as [(String, String, Float)] {
        try writeSafetensors("\(model)/blobs/\(blob)", ["a": value])
        let snapshot = "\(model)/snapshots/\(revision)"
        try FileManager.default.createDirectory(atPath: snapshot, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(
          atPath: "\(snapshot)/model.safetensors", withDestinationPath: "../../blobs/\(blob)")
        try write("\(snapshot)/config.json", Data("{}".utf8))
      }
      let two = try #require(throws: WeightsError.self) { try TensorFile.open(model) }
      #expect("\(two)".contains("2 snapshots and no refs/main") && "\(two)".contains("0123, 4567"), "\(two)")
      try write("\(model)/refs/main", Data("4567".utf8))
      #expect(try TensorFile.open(model).floats("a") == [2])
      try write("\(model)/refs/main", Data("0123\n".utf8))
      #expect(try TensorFile.open(model).floats("a") == [1])
      #expect(try TensorFile.open("\(model)/snapshots/4567").floats("a") == [2])
      for hostile in ["../../../etc", "..", "89ab", ""] {
        try write("\(model)/refs/main", Data(hostile.utf8))
        let error = try #require(throws: WeightsError.self) { try TensorFile.open(model) }
        #expect("\(error)".hasPrefix("\(model): refs/main names the snapshot '\(hostile)'"), "\(error)")
      }
      let cache = try #require(throws: WeightsError.self) { try TensorFile.open(folder) }
      #expect("\(cache)".contains("a cache of 1 models. Pass one: models--org--name"), "\(cache)")
    }
  }

  @Test func aSingleFileOfAFolderIsTakenAndSeveralAreTold() throws {
    try withFolder { folder in
      let empty = try #require(throws: WeightsError.self) { try TensorFile.open(folder) }
      #expect("\(empty)".hasPrefix("\(folder): the folder has no weights"), "\(empty)")
      try write("\(folder)/resnet50-11ad3fa6.pth", pyTorch("a", 1))
      try write("\(folder)/notes.txt", Data("x".utf8))
      #expect(try TensorFile.open(folder).floats("a") == [1])
      try write("\(folder)/vit.pth", pyTorch("a", 2))
      let two = try #require(throws: WeightsError.self) { try TensorFile.open(folder) }
      #expect("\(two)".contains("2 files of weights. Pass one: resnet50-11ad3fa6.pth, vit.pth"), "\(two)")
    }
  }

  @Test(arguments: [
    ("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "a pointer of Git LFS"),
    ("<!DOCTYPE html><html>", "a web page"), ("<html><body>404</body></html>", "a web page"),
    ("GGUF\u{3}\0\0\0\0\0", "a GGUF file"), ("BZh91AY&SY....", "compressed by bzip2"),
    ("{\"a\": 1}", "no weight_map"), ("", "0 bytes"), ("PK", "2 bytes"),
  ])
  func anotherFormatIsNamed(text: String, fault: String) throws {
    try withFolder { folder in
      try write("\(folder)/file", Data(text.utf8))
      let error = try #require(throws: WeightsError.self) { try TensorFile.open("\(folder)/file") }
      #expect("\(error)".hasPrefix("\(folder)/file: ") && "\(error)".contains(fault), "\(error)")
    }
  }

  @Test(
    arguments: [
      ([0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A], "HDF5"), ([0x1F, 0x8B, 8, 0, 0, 0, 0, 0], "gzip"),
      ([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0], "NumPy"), ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0, 0, 0], "xz"),
    ] as [([UInt8], String)])
  func aBinaryFormatIsNamed(bytes: [UInt8], fault: String) throws {
    try withFolder { folder in
      try write("\(folder)/file", Data(bytes))
      let error = try #require(throws: WeightsError.self) { try TensorFile.open("\(folder)/file") }
      #expect("\(error)".contains(fault), "\(error)")
    }
  }

  @Test func whatIsAbsentOrNoFileIsTold() throws {
    try withFolder { folder in
      #expect(throws: WeightsError.unreadable(path: "\(folder)/absent", reason: "No such file or directory")) {
        try TensorFile.open("\(folder)/absent")
      }
      try #require(mkfifo("\(folder)/pipe", 0o600) == 0)
      #expect(throws: WeightsError.unreadable(path: "\(folder)/pipe", reason: "not a regular file")) {
        try TensorFile.open("\(folder)/pipe")
      }
    }
  }

  /// A name in a file cannot command the terminal that an error is printed to.
  @Test func controlCharactersOfNamesAreEscaped() throws {
    let error = WeightsError.noTensor(path: "a", name: "x\u{1B}]0;title\u{7}\u{202E}y")
    #expect(error.description.contains("'x\\u{1b}]0;title\\u{7}\\u{202e}y'"))
    let mismatch = try #require(throws: CheckpointMismatch.self) {
      try StateDictMatch.check(expected: [], found: [("\u{1B}[2J", [1])], file: "a")
    }
    #expect(!mismatch.description.unicodeScalars.contains("\u{1B}"))
  }
}

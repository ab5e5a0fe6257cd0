import Foundation
import TestSupport
import Testing
import Weights

/// Against `Tests/golden/weights/pth`, which PyTorch wrote (see `make_pth.py` there).
struct PyTorchFileTests {
  static let folder = packageRoot.appendingPathComponent("Tests/golden/weights/pth").path

  struct Expected: Decodable {
    var name: String
    var dtype: String
    var shape: [Int]
    var values: [String]
  }

  static func expected() throws -> [String: [Expected]] {
    try JSONDecoder().decode(
      [String: [Expected]].self, from: Data(contentsOf: URL(fileURLWithPath: "\(folder)/expected.json")))
  }

  @Test func everyFileIsReadAsPyTorchReadsIt() throws {
    let files = try Self.expected()
    #expect(files.count == 8)
    for (name, tensors) in files {
      let file = try PyTorchFile(path: "\(Self.folder)/\(name).pt")
      #expect(file.tensors.map(\.name) == tensors.map(\.name), "\(name): the pickle's order")
      for tensor in tensors {
        let info = try #require(file.info(tensor.name))
        #expect(info.dtype.rawValue == tensor.dtype && info.shape == tensor.shape, "\(name) \(tensor.name)")
        let values = tensor.values.compactMap { Double($0) }
        #expect(values.count == info.count)
        #expect(try file.doubles(tensor.name).map(\.bitPattern) == values.map(\.bitPattern), "\(name) \(tensor.name)")
        #expect(try file.floats(tensor.name).map(\.bitPattern) == values.map { Float($0).bitPattern })
      }
    }
  }

  @Test(arguments: [
    ("legacy.pth", "format of PyTorch before 1.6"), ("tar.pth", "tar archive"), ("script.pth", "TorchScript"),
    ("module.pth", "it wants 'torch.nn.modules.linear.Linear'"),
    ("../reference.safetensors", "does not start as a zip"),
  ])
  func anotherFormatIsNamed(name: String, fault: String) throws {
    let path = "\(Self.folder)/\(name)"
    let error = try #require(throws: WeightsError.self) { try PyTorchFile(path: path) }
    #expect("\(error)".hasPrefix("\(path): ") && "\(error)".contains(fault), "\(error)")
  }

  @Test func anAbsentTensorIsNamed() throws {
    let path = "\(Self.folder)/bare.pt"
    let file = try PyTorchFile(path: path)
    #expect(throws: WeightsError.noTensor(path: path, name: "fc.weight")) { try file.floats("fc.weight") }
    #expect(throws: WeightsError.self) { try PyTorchFile(path: "\(Self.folder)/absent.pt") }
  }

  /// Files that PyTorch does not write here but may: zip64 (over 4 GiB), Python's and older pickles' other
  /// instructions.
  @Test func otherSoundFilesAreRead() throws {
    let storage = [1, 2, 3, 4].map(Float.init).withUnsafeBytes { Data($0) }
    var zip64 = ZipBuilder(
      pickle: Pickle.whole(Pickle.tensor(shape: [2, 2], strides: [1, 2])), storages: ["0": storage])
    zip64.isZip64 = true
    var commented = ZipBuilder(pickle: Pickle.whole(Pickle.tensor(offset: 1, shape: [3])), storages: ["0": storage])
    commented.comment = "a comment"
    let untyped = Pickle.tuple([
      Pickle.storage(type: Pickle.global("torch.storage", "UntypedStorage"), count: 16), Pickle.integer(1),
      Pickle.tuple([Pickle.integer(2)]), Pickle.tuple([Pickle.integer(2)]), Data([0x89]), Data("N".utf8),
      Pickle.global("torch", "float32"),
    ])
    let third = ZipBuilder(
      pickle: Pickle.whole(Pickle.global("torch._utils", "_rebuild_tensor_v3") + untyped + Data("R".utf8)),
      storages: ["0": storage])
    for (builder, expected) in [(zip64, [1, 3, 2, 4]), (commented, [2, 3, 4]), (third, [2, 4])]
      as [(ZipBuilder, [Float])]
    {
      try withTemporaryFile("file.pt") { path in
        try builder.data.write(to: URL(fileURLWithPath: path))
        #expect(try PyTorchFile(path: path).floats("") == expected)
      }
    }
  }
}

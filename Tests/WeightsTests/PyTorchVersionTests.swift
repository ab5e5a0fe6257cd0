import Foundation
import Testing
import Weights

/// State dicts that PyTorch 1.13 and newer saved, against the bytes that `make_versions.py` packed from their numbers.
struct PyTorchVersionTests {
  static let folder = "\(PyTorchFileTests.folder)/versions"
  static let versions = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
    .filter { $0.hasSuffix(".pth") }.map { String($0.dropLast(4)) }.sorted()

  struct Expected: Decodable {
    var name: String
    var dtype: String
    var shape: [Int]
    var bytes: String
  }

  @Test func thereAreFilesOfManyVersions() {
    #expect(Self.versions.contains { $0.hasPrefix("1.13") } && Self.versions.count >= 5, "\(Self.versions)")
  }

  @Test(arguments: versions) func everyTensorIsReadBitExactly(version: String) throws {
    let tensors = try JSONDecoder().decode(
      [Expected].self, from: Data(contentsOf: URL(fileURLWithPath: "\(Self.folder)/\(version).json")))
    let file = try PyTorchFile(path: "\(Self.folder)/\(version).pth")
    #expect(file.tensors.map(\.name) == tensors.map(\.name) && tensors.count > 20)
    for tensor in tensors {
      let array = try file.array(tensor.name)
      #expect(array.dtype.rawValue == tensor.dtype && array.shape == tensor.shape, "\(tensor.name)")
      let bytes = array.bytes.map { byte in
        let text = String(byte, radix: 16)
        return text.count < 2 ? "0" + text : text
      }
      #expect(bytes.joined() == tensor.bytes, "\(tensor.name)")
    }
  }
}

import Foundation
import TestSupport
import Testing
import Weights

/// Every way in which a PyTorch file can be wrong or hostile is refused, with the reason.
struct HostilePyTorchTests {
  @Test(arguments: HostilePickles.all + HostileArchives.all)
  func isRefused(_ hostile: HostileCase) throws {
    try withTemporaryFile("file.pt") { path in
      try hostile.bytes.write(to: URL(fileURLWithPath: path))
      let error = try #require(throws: WeightsError.self) { try PyTorchFile(path: path) }
      guard case .pyTorch = error else {
        Issue.record("\(error)")
        return
      }
      #expect("\(error)".hasPrefix("\(path): "))
      #expect("\(error)".contains(hostile.fault), "\(error)")
    }
  }

  @Test func damagedNumbersAreToldWhenTheyAreRead() throws {
    var bytes = ZipBuilder(pickle: Pickle.whole(Pickle.tensor())).data
    let place = try #require(bytes.range(of: Data(count: 16)))
    bytes[place.lowerBound] ^= 1
    try withTemporaryFile("file.pt") { path in
      try bytes.write(to: URL(fileURLWithPath: path))
      let file = try PyTorchFile(path: path)
      let error = try #require(throws: WeightsError.self) { try file.floats("") }
      #expect("\(error)".contains("the checksum of 'x/data/0' differs"))
    }
  }

  @Test func everyTruncationIsRefused() throws {
    let whole = try Data(contentsOf: URL(fileURLWithPath: "\(PyTorchFileTests.folder)/parameter.pt"))
    for length in 8..<whole.count {
      #expect(throws: WeightsError.self, "\(length) bytes") { try PyTorchFile(bytes: whole.prefix(length), path: "x") }
    }
    for length in 0..<8 {
      try withTemporaryFile("file.pt") { path in
        try whole.prefix(length).write(to: URL(fileURLWithPath: path))
        #expect(throws: WeightsError.self, "\(length) bytes") { try PyTorchFile(path: path) }
      }
    }
  }
}

import Foundation

/// A folder that is removed with the test.
final class ScratchFolder: Sendable {
  private let url: URL

  init() {
    url = FileManager.default.temporaryDirectory.appending(path: "training-\(UUID().uuidString)")
    try? FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func path(_ name: String) -> String { url.appending(path: name).path }
}

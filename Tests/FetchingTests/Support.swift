import Foundation
import Testing
import TestSupport

import Fetching

/// A server, a folder for what is fetched from it, and what was told on the way.
final class Place {
  let path = FileManager.default.temporaryDirectory.appending(path: "fetching-\(UUID().uuidString)").path
  let server: LoopbackServer
  private(set) var events: [FetchEvent] = []

  init() throws {
    server = try LoopbackServer()
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Two attempts, without waiting.
  func fetcher(attempts: Int = 2) throws -> Fetcher {
    var fetcher = try Fetcher(mirror: server.url, environment: ["TORCH_HOME": path])
    fetcher.waits = [Double](repeating: 0, count: attempts - 1)
    return fetcher
  }

  /// Fetches `asset` to the folder `data`, or to torch hub's cache.
  func fetch(_ asset: Asset, attempts: Int = 2) throws -> Fetched {
    try fetcher(attempts: attempts).fetch(asset, to: "\(path)/data") { events.append($0) }
  }

  var notes: [String] { events.compactMap { if case .note(let text) = $0 { text } else { nil } } }

  /// Where the checkpoint `model.pth` goes, without what `suffix` adds.
  func file(_ suffix: String = "") -> String { "\(path)/hub/checkpoints/model.pth\(suffix)" }

  func contents(_ path: String) -> Data? { FileManager.default.contents(atPath: path) }

  func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  /// Puts a text in a file, making the folders on its way.
  func write(_ name: String, _ bytes: Data) throws {
    let url = URL(fileURLWithPath: "\(path)/\(name)")
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try bytes.write(to: url)
  }
}

/// Bytes that differ everywhere.
func noise(_ count: Int, seed: UInt8 = 1) -> Data {
  Data((0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 11) ^ seed })
}

/// The digest that a file with these bytes has.
func checksum(_ data: Data, _ algorithm: Checksum.Algorithm = .sha256) throws -> Checksum {
  let url = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
  try data.write(to: url)
  defer { try? FileManager.default.removeItem(at: url) }
  return try Checksum.of(url.path, algorithm)
}

/// A checkpoint of one file, `/files/model.pth` on a server that is not there.
func checkpoint(_ data: Data) throws -> Asset {
  Asset(
    name: "model", title: "a model", terms: "none",
    files: [
      RemoteFile(
        url: "https://origin.invalid/files/model.pth", bytes: data.count,
        checksum: .sha256(String(try checksum(data).digits.prefix(8))))
    ], kind: .checkpoint)
}

import Foundation
import Gridless
import TestSupport

/// A workplace beside a server that has the official assets' paths, with other files there.
final class FetchPlace {
  let place: Workplace
  let server: LoopbackServer
  private var assets: [[String: Any]] = []

  init() throws { (place, server) = (try Workplace(), try LoopbackServer()) }

  /// What a command needs to know of them.
  var environment: [String: String] {
    [
      Catalog.variable: place.absolute("assets.json"), Fetcher.mirrorVariable: server.url,
      "TORCH_HOME": place.absolute("torch"),
    ]
  }

  func start(_ arguments: [String], _ more: [String: String] = [:]) throws -> RunningCommand {
    try RunningCommand(arguments, in: place.path, environment: environment.merging(more) { $1 })
  }

  func gridless(_ arguments: String...) throws -> Outcome { try start(arguments).end() }

  /// Serves these files, by their names, as those of an official asset.
  ///
  /// Returns the paths on the server.
  @discardableResult
  func serve(_ name: String, _ files: [String: Data], faults: [LoopbackServer.Fault] = []) throws -> [String] {
    let official = try Catalog(environment: [:]).asset(named: name)
    let coded = try JSONSerialization.jsonObject(with: JSONEncoder().encode(official))
    guard var asset = coded as? [String: Any] else { throw Unexpected("no object") }
    var paths: [String] = []
    asset["files"] = try official.files.map { file in
      guard let data = files[file.name], let url = URL(string: file.url) else { throw Unexpected("no \(file.name)") }
      var served = LoopbackServer.File(data)
      served.faults = faults
      server.serve(url.path, served)
      paths.append(url.path)
      return ["url": file.url, "bytes": data.count, "checksum": "sha256:\(try Self.digest(data))"]
    }
    assets.append(asset)
    try place.write("assets.json", JSONSerialization.data(withJSONObject: assets))
    return paths
  }

  /// As coreutils computes it.
  private static func digest(_ data: Data) throws -> String {
    let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try data.write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    return String(try output(of: ["sha256sum", file.path], in: "/").prefix(64))
  }

  /// An archive of what lies below the folder `name`, which goes.
  func archive(_ name: String) throws -> Data {
    _ = try Self.output(of: ["tar", "-czf", "archive.tgz", name], in: place.path)
    defer { for name in [name, "archive.tgz"] { try? place.remove(name) } }
    return try place.contents("archive.tgz")
  }

  private static func output(of command: [String], in folder: String) throws -> String {
    let (process, pipe) = (Process(), Pipe())
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.standardOutput = pipe
    try process.run()
    let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Unexpected("\(command) failed") }
    return text
  }

  /// Where a network's official checkpoint goes.
  func checkpoint(_ model: String) throws -> String {
    let file = try Catalog(environment: [:]).asset(named: model).files[0]
    return "torch/hub/checkpoints/\(file.name)"
  }

  /// Serves an untrained network as its official checkpoint.
  @discardableResult
  func serveCheckpoint(_ model: String) throws -> Data {
    try place.writeCheckpoint("weights", of: model)
    let data = try place.contents("weights")
    try place.remove("weights")
    try serve(model, [(checkpoint(model) as NSString).lastPathComponent: data])
    return data
  }
}

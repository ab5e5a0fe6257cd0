import Foundation

/// A list of Python packages that `Scripts/test-tools.sh` installed in the cache, as readers of what Gridless writes.
public struct PythonPackages: Sendable {
  /// The list's name: `Scripts/NAME.txt`.
  public let name: String
  private let folder: String?

  /// TensorBoard and what it imports.
  public static let tensorBoard = PythonPackages("tensorboard")
  /// onnxruntime and the format's checker.
  public static let onnxruntime = PythonPackages("onnxruntime")

  /// Why they are not here, nil where they are.
  public var missing: String? {
    folder == nil ? "\(name) is not installed in the cache (Scripts/test-tools.sh does it)" : nil
  }

  /// The newest folder of these packages that is in the cache.
  private init(_ name: String) {
    self.name = name
    let environment = ProcessInfo.processInfo.environment
    let home = environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? "\(environment["HOME"] ?? "")/.cache"
    func modified(_ path: String) -> Date {
      (try? FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date) ?? .distantPast
    }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(home)/gridless")) ?? []
    folder = names.filter { $0.hasPrefix("\(name)-") && !$0.hasSuffix(".new") }.map { "\(home)/gridless/\($0)" }
      .max { modified($0) < modified($1) }
  }

  /// What a script of Tests/golden prints as JSON, of this text on its standard input.
  public func run(_ script: String, _ arguments: [String], input: Data = Data()) throws -> [String: Any] {
    guard let folder else { throw Failure(description: missing ?? "") }
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let python = try String(contentsOfFile: "\(folder)/python.txt", encoding: .utf8)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: python.trimmingCharacters(in: .whitespacesAndNewlines))
    process.arguments = [root.appending(path: "golden/\(script)").path] + arguments
    process.environment = ProcessInfo.processInfo.environment.merging(["PYTHONPATH": folder]) { $1 }
    let scratch = FileManager.default.temporaryDirectory.appending(path: "python-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: scratch) }
    // Files, not pipes: neither side waits for the other to read.
    func file(_ name: String, _ data: Data = Data()) throws -> URL {
      let url = scratch.appending(path: name)
      try data.write(to: url)
      return url
    }
    let (output, errors) = (try file("output"), try file("errors"))
    process.standardInput = try FileHandle(forReadingFrom: file("input", input))
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: errors)
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0,
      let json = try JSONSerialization.jsonObject(with: Data(contentsOf: output)) as? [String: Any]
    else { throw Failure(description: "\(script): \(try String(contentsOf: errors, encoding: .utf8).suffix(2000))") }
    return json
  }

  struct Failure: Error, CustomStringConvertible {
    let description: String
  }
}

import Foundation

/// How a command ended, and what it left on its two streams.
struct Outcome {
  var status: Int32
  var output: String
  var errors: String

  /// The lines of standard output.
  var lines: [String] { output.split(separator: "\n").map(String.init) }

  /// Every line of standard output as a JSON object.
  func objects() throws -> [[String: Any]] {
    try lines.map { line in
      guard let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any] else {
        throw Unexpected("not a JSON object: \(line)")
      }
      return object
    }
  }

  /// The last line of standard output as a JSON object, after a run that succeeded.
  func result() throws -> [String: Any] {
    guard status == 0, let last = try objects().last else { throw Unexpected("status \(status): \(errors)") }
    return last
  }
}

/// A test's own failure.
struct Unexpected: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// The built command, as a user starts it.
enum Command {
  /// Beside the test bundle, in the folder of build products.
  static let path = Bundle.main.bundleURL.appending(path: "gridless").path

  /// Runs the command in `folder`; it is killed (status 124) if it takes more than a minute.
  static func run(_ arguments: [String], in folder: String) throws -> Outcome {
    let (output, errors) = ("\(folder)/.stdout", "\(folder)/.stderr")
    defer { for file in [output, errors] { try? FileManager.default.removeItem(atPath: file) } }
    let status = try start(
      arguments, in: folder, output: try emptyFile(output), errors: try emptyFile(errors))
    return Outcome(
      status: status, output: try String(contentsOfFile: output, encoding: .utf8),
      errors: try String(contentsOfFile: errors, encoding: .utf8))
  }

  /// Runs the command with its streams going to `output` and `errors`, and waits for its exit status.
  static func start(
    _ arguments: [String], in folder: String, output: FileHandle, errors: FileHandle,
    environment: [String: String] = [:]
  ) throws -> Int32 {
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw Unexpected("\(path): no such command. Build it: swift build -c release --build-tests")
    }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["timeout", "60", path] + arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.environment = ProcessInfo.processInfo.environment.merging(["COLUMNS": "80"]) { $1 }
      .merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }

  private static func emptyFile(_ path: String) throws -> FileHandle {
    try Data().write(to: URL(fileURLWithPath: path))
    return try FileHandle(forWritingTo: URL(fileURLWithPath: path))
  }
}

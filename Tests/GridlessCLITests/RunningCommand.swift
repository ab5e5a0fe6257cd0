import Foundation

/// A command that is running, to be disturbed.
final class RunningCommand {
  private let process = Process()
  private let output: String
  private let errors: String

  /// Starts the command in `folder`, with these variables added to its environment.
  init(_ arguments: [String], in folder: String, environment: [String: String] = [:]) throws {
    (output, errors) = ("\(folder)/.stdout-\(UUID().uuidString)", "\(folder)/.stderr-\(UUID().uuidString)")
    for path in [output, errors] { try Data().write(to: URL(fileURLWithPath: path)) }
    process.executableURL = URL(fileURLWithPath: Command.path)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: output))
    process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: errors))
    try process.run()
  }

  deinit { for path in [output, errors] { try? FileManager.default.removeItem(atPath: path) } }

  var pid: Int32 { process.processIdentifier }

  /// What it has written to standard error so far.
  var errorsSoFar: String { (try? String(contentsOfFile: errors, encoding: .utf8)) ?? "" }

  func send(_ signal: Int32) { kill(pid, signal) }

  /// Waits until `condition` holds or the command ends, for half a minute at most.
  func wait(until condition: () -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while process.isRunning && !condition() {
      guard ContinuousClock.now < deadline else {
        send(SIGKILL)
        throw Unexpected("waited for too long; standard error: \(errorsSoFar)")
      }
      usleep(2000)
    }
  }

  /// How it ended; a signal that killed it counts as its negative number.
  func end() throws -> Outcome {
    try wait { false }
    process.waitUntilExit()
    let status = process.terminationStatus
    return Outcome(
      status: process.terminationReason == .exit ? status : -status,
      output: try String(contentsOfFile: output, encoding: .utf8), errors: errorsSoFar)
  }
}

/// The library that makes a file operation fail, compiled once.
enum Faults {
  static let library = Result { try build() }

  private static func build() throws -> String {
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Faults/fault.c").path
    let library = Command.path + "-faults.so"
    let compiler = Process()
    compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    compiler.arguments = ["clang", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"]
    try compiler.run()
    compiler.waitUntilExit()
    guard compiler.terminationStatus == 0 else { throw Unexpected("clang cannot compile \(source)") }
    return library
  }

  /// The environment in which the `at`-th `operation` on files whose path contains `path` does `action`.
  static func environment(
    _ operation: String, on path: String, at: Int, _ action: String
  ) throws -> [String: String] {
    [
      "LD_PRELOAD": try library.get(), "FAULT_OPERATION": operation, "FAULT_PATH": path, "FAULT_AT": "\(at)",
      "FAULT_ACTION": action,
    ]
  }
}

/// Whether the tests that take minutes run as well.
let isLong = ProcessInfo.processInfo.environment["GRIDLESS_LONG_TESTS"] == "1"

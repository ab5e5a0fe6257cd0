import Foundation

/// A process on chosen cores that answers each line of JSON with one.
final class ChildProcess {
  private let name: String
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private var unread = Data()
  /// Gets the lines that are not JSON: what libraries print.
  var onOtherLine: (String) -> Void = { _ in }

  /// Starts `command` (a program and its arguments) on the cores `cpus`, a list as taskset takes it.
  init(_ command: [String], cpus: String, environment: [String: String] = [:]) throws {
    name = command.prefix(2).joined(separator: " ")
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["taskset", "-c", cpus] + command
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = input
    process.standardOutput = output
    try process.run()
  }

  /// Sends a request and waits for its answer.
  func ask<Answer: Decodable>(_ request: some Encodable) throws -> Answer {
    do {
      try input.fileHandleForWriting.write(contentsOf: JSONEncoder().encode(request) + Data("\n".utf8))
    } catch { throw BenchError.childEnded(name) }
    while let line = nextLine() {
      guard line.hasPrefix("{") else {
        onOtherLine(line)
        continue
      }
      return try JSONDecoder().decode(Answer.self, from: Data(line.utf8))
    }
    throw BenchError.childEnded(name)
  }

  /// Ends the process by ending its input, and waits for it.
  func end() {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  /// The next line that the process prints, nil at the end.
  func nextLine() -> String? {
    while true {
      if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
        defer { unread = unread[unread.index(after: end)...] }
        return String(decoding: unread[..<end], as: UTF8.self)
      }
      let more = output.fileHandleForReading.availableData
      guard !more.isEmpty else { return nil }
      unread.append(more)
    }
  }
}

/// What keeps a benchmark from going on.
enum BenchError: Error, Equatable, CustomStringConvertible {
  /// A process ended before it answered; its own message stands on standard error.
  case childEnded(String)
  /// A measurement cannot be made.
  case impossible(String)

  var description: String {
    switch self {
    case .childEnded(let name): "\(name): ended before it answered. Its message is above, unless memory ran out."
    case .impossible(let reason): reason
    }
  }
}

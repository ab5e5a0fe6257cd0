import ArgumentParser
import Foundation
import Gridless
import Synchronization

/// The processes that work on one study, and end with this one: each is this executable, with the same arguments.
final class Crew: Sendable {
  private struct Member {
    var process: Process
    /// As long as it is open, the member knows that this process is there.
    var line: Pipe
  }
  private let members = Mutex<[Member]>([])

  /// Asks every member to stop.
  func stop() { members.withLock { for member in $0 where member.process.isRunning { member.process.terminate() } } }

  /// Starts so many, and waits for all; `look` is called now and then, and at the end.
  ///
  /// Throws the exit code of one that failed.
  func work(_ count: Int, look: () throws -> Void) throws {
    for _ in 0..<count {
      let (process, line) = (Process(), Pipe())
      process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
      // Right behind the subcommand: behind "--" it would be no option.
      let arguments = CommandLine.arguments.dropFirst()
      process.arguments = arguments.prefix(1) + ["--worker"] + arguments.dropFirst()
      process.standardInput = line
      process.standardOutput = FileHandle.standardError
      try process.run()
      members.withLock { $0.append(Member(process: process, line: line)) }
    }
    let processes = members.withLock { $0.map(\.process) }
    var failed: Process?
    repeat {
      usleep(200_000)
      try look()
      // What stops one would stop the others, too: a full disk, a trial that cannot be read. These end by the signal
      // then.
      failed = failed ?? processes.first { !$0.isRunning && $0.terminationStatus != 0 }
      if failed != nil { stop() }
    } while processes.contains(where: \.isRunning)
    try look()
    guard let failed = failed ?? processes.first(where: { $0.terminationStatus != 0 }) else { return }
    throw failed.terminationReason == .exit ? ExitCode(failed.terminationStatus) : ExitCode.failure
  }
}

/// Ends a member of a ``Crew`` whose leader is gone.
enum OrphanWatch {
  /// Watches standard input, whose other end the leader holds.
  static func begin(_ interruption: Interruption) {
    Thread.detachNewThread {
      var byte: UInt8 = 0
      while read(STDIN_FILENO, &byte, 1) > 0 {}
      if interruption.request() {
        interruption.abandon()
        _exit(143)
      }
    }
  }
}

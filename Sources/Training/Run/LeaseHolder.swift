import Foundation

/// The process that holds a run folder: what its file `lease` says.
public struct LeaseHolder: Codable, Sendable, Equatable {
  /// The machine's name.
  public var host: String
  /// The process, on that machine.
  public var pid: Int32
  /// When it took the folder, by that machine's clock: ISO 8601, UTC.
  public var since: String
  /// The boot and the process namespace in which `pid` has a meaning.
  package var system: String
  /// When the process started, in clock ticks since the boot: tells it from a later one of the same number.
  package var processStart: String
  /// Distinguishes two leases of one process.
  package var token: String
  /// Counts heartbeats, in eight digits: others see it change.
  package var beat = "00000000"

  /// This process, with a token of its own.
  package static func current() -> LeaseHolder {
    let pid = getpid()
    return LeaseHolder(
      host: ProcessInfo.processInfo.hostName, pid: pid, since: Date().ISO8601Format(), system: system,
      processStart: ProcessStatus(pid)?.start ?? "", token: String(UInt64.random(in: 0 ... .max), radix: 36))
  }

  private static let system: String = {
    let boot = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? ""
    let namespace = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")) ?? ""
    return boot.trimmingCharacters(in: .whitespacesAndNewlines) + " " + namespace
  }()

  /// Whether `pid` is a number of this machine's, so that ``isRunning`` can be told.
  var isHere: Bool { system == Self.system }

  /// Whether the process is there, on this machine.
  var isRunning: Bool {
    if kill(pid, 0) < 0 && errno == ESRCH { return false }
    // Where another user's processes cannot be seen, it counts as running.
    guard let status = ProcessStatus(pid) else { return true }
    return status.start == processStart && !status.isDead
  }

  /// "process 12 on box, since 2026-01-02T03:04:05Z".
  var text: String { "process \(pid) on \(host), since \(since)" }
}

/// A process as Linux shows it (proc_pid_stat(5)).
private struct ProcessStatus {
  /// In clock ticks since the boot.
  let start: String
  /// Whether it has ended and only waits for its parent.
  let isDead: Bool

  init?(_ pid: Int32) {
    // The second field is the name in parentheses, which may hold anything.
    guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
      let nameEnd = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[text.index(after: nameEnd)...].split(separator: " ")
    guard fields.count > 19 else { return nil }
    (start, isDead) = (String(fields[19]), fields[0] == "Z" || fields[0] == "X")
  }
}

import Dispatch
import Foundation
import Support
import Synchronization
import Weights

/// The hold on a run folder: the file `lease`, which says who holds it, with a heartbeat that others see.
///
/// It is made by link(2), which succeeds for one process only, on network file systems too. A holder that runs on this
/// machine is asked for by its process number; of one elsewhere only the heartbeat is watched, and clocks are never
/// compared. A lease whose holder is gone is renamed aside before a new one is made, so of two processes that find it
/// so one wins.
package final class Lease: Sendable {
  /// How often a holder beats, and after how long without a beat one on another machine counts as gone.
  package struct Timing: Sendable {
    package var heartbeat: Duration
    package var takeover: Duration

    package init(heartbeat: Duration = .seconds(5), takeover: Duration = .seconds(60)) {
      (self.heartbeat, self.takeover) = (heartbeat, takeover)
    }
  }

  private struct State {
    var lost: Loss?
    var isReleased = false
    var seen = ContinuousClock.now
  }
  private struct Loss { var holder: LeaseHolder? }

  private let folder: String
  private let holder: LeaseHolder
  private let descriptor: Int32
  private let timing: Timing
  private let state = Mutex(State())
  private let queue = DispatchQueue(label: "gridless.lease")

  private init(folder: String, holder: LeaseHolder, descriptor: Int32, timing: Timing) {
    (self.folder, self.holder, self.descriptor, self.timing) = (folder, holder, descriptor, timing)
    scheduleBeat()
  }

  deinit { close(descriptor) }

  private static func path(_ folder: String) -> String { (folder as NSString).appendingPathComponent("lease") }

  // MARK: Taking

  /// Takes the hold on `folder`, which exists.
  ///
  /// `onWait` is told of a holder on another machine, whose heartbeat is then watched for up to `timing.takeover`.
  /// Throws ``TrainingError/held(path:holder:)`` where the holder is alive, and
  /// ``TrainingError/notWritable(path:reason:)``.
  package static func acquire(
    folder: String, timing: Timing = Timing(), onWait: (LeaseHolder?, Duration) throws -> Void = { _, _ in }
  ) throws -> Lease {
    let me = LeaseHolder.current()
    // Each turn, somebody else was faster.
    for _ in 0..<20 {
      if let descriptor = try create(me, in: folder) {
        return Lease(folder: folder, holder: me, descriptor: descriptor, timing: timing)
      }
      guard let found = read(folder) else {
        if access(path(folder), R_OK) != 0, errno == EACCES {
          throw TrainingError.notWritable(path: path(folder), reason: systemMessage(EACCES))
        }
        continue
      }
      let other = decode(found)
      if let other, other.isHere {
        if other.isRunning { throw TrainingError.held(path: folder, holder: other) }
      } else {
        try onWait(other, timing.takeover)
        guard try isSilent(found, in: folder, timing: timing) else { continue }
      }
      setAside(found, in: folder)
    }
    throw TrainingError.notWritable(path: folder, reason: "its lease changes hands all the time")
  }

  /// The descriptor of a lease made for `holder`; nil where there is one already.
  private static func create(_ holder: LeaseHolder, in folder: String) throws -> Int32? {
    let content = try encode(holder)
    let temporary = "\(folder)/\(AtomicFile.temporaryName(for: "lease"))"
    func failure() -> TrainingError { .notWritable(path: path(folder), reason: systemMessage()) }
    func write(_ target: String) throws -> Int32? {
      let descriptor = open(target, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if descriptor < 0 && errno == EEXIST { return nil }
      guard descriptor >= 0 else { throw failure() }
      guard AtomicFile.writeAll(content, to: descriptor) == 0, fsync(descriptor) == 0 else {
        defer {
          close(descriptor)
          unlink(target)
        }
        throw failure()
      }
      return descriptor
    }
    guard let descriptor = try write(temporary) else { return nil }
    defer { unlink(temporary) }
    // The reply to a link that succeeded can be lost on a network: two links tell.
    var status = stat()
    if link(temporary, path(folder)) == 0 || (fstat(descriptor, &status) == 0 && status.st_nlink == 2) {
      return descriptor
    }
    let code = errno
    close(descriptor)
    switch code {
    // Another process that took the folder cleaned up.
    case EEXIST, ENOENT: return nil
    // A file system without links. A reader may see this file before it is whole, and waits then.
    case EPERM, EOPNOTSUPP, ENOSYS: return try write(path(folder))
    default: throw failure()
    }
  }

  /// Whether the lease stays as it is for so long that its holder is gone; false where it vanished or was replaced.
  private static func isSilent(_ content: Data, in folder: String, timing: Timing) throws -> Bool {
    let deadline = ContinuousClock.now + timing.takeover
    while ContinuousClock.now < deadline {
      Thread.sleep(forTimeInterval: timing.heartbeat.seconds / 5)
      guard let now = read(folder) else { return false }
      if now == content { continue }
      if let holder = decode(now) { throw TrainingError.held(path: folder, holder: holder) }
      return false
    }
    return true
  }

  /// Whether nobody holds a folder, or a process of this machine that is gone; one elsewhere counts as a holder.
  package static func isFree(_ folder: String) -> Bool {
    guard let found = read(folder) else { return !FileManager.default.fileExists(atPath: path(folder)) }
    return decode(found).map { $0.isHere && !$0.isRunning } ?? false
  }

  /// Whether a living process of this machine holds a folder.
  package static func isHeldHere(_ folder: String) -> Bool {
    read(folder).flatMap(decode).map { $0.isHere && $0.isRunning } ?? false
  }

  /// Removes the lease that a killed process of this machine left behind.
  static func removeDead(in folder: String) {
    if let found = read(folder), let holder = decode(found), holder.isHere, !holder.isRunning {
      setAside(found, in: folder)
    }
  }

  /// Renames the lease of a holder that is gone; one that somebody else has made meanwhile is put back.
  private static func setAside(_ content: Data, in folder: String) {
    let aside = "\(folder)/\(AtomicFile.temporaryName(for: "lease"))"
    guard read(folder) == content, rename(path(folder), aside) == 0 else { return }
    if FileManager.default.contents(atPath: aside) != content { link(aside, path(folder)) }
    unlink(aside)
  }

  // MARK: Holding

  /// Throws ``TrainingError/leaseLost(path:holder:)`` where the heartbeat found that another process took the folder.
  ///
  /// Looks itself where the heartbeat has not done so for long, as after the machine slept.
  package func check() throws {
    let age = state.withLock { ContinuousClock.now - $0.seen }
    if age > timing.heartbeat * 3 { look() }
    if let lost = state.withLock(\.lost) { throw TrainingError.leaseLost(path: folder, holder: lost.holder) }
  }

  /// As ``check()``, but always looks: for the moment before a file is written.
  func verify() throws {
    look()
    try check()
  }

  /// Gives the folder free.
  ///
  /// `moved` is where the folder lies now, if it was renamed meanwhile.
  package func release(movedTo moved: String? = nil) {
    let wasHeld = state.withLock { state in
      defer { state.isReleased = true }
      return !state.isReleased && state.lost == nil
    }
    let place = moved ?? folder
    if wasHeld, Self.read(place).flatMap(Self.decode)?.token == holder.token { unlink(Self.path(place)) }
  }

  private func scheduleBeat(_ count: Int = 1) {
    let interval = DispatchTimeInterval.nanoseconds(Int(timing.heartbeat.seconds * 1e9))
    queue.asyncAfter(deadline: .now() + interval) { [weak self] in self?.beat(count) }
  }

  /// Writes through the descriptor, so that a lease which took this one's place is never touched.
  private func beat(_ count: Int) {
    guard state.withLock({ !$0.isReleased && $0.lost == nil }) else { return }
    var current = holder
    current.beat = String(format: "%08d", count % 100_000_000)
    // A beat that cannot be written is missed by others, at worst; whether the lease is still ours is looked at anyway.
    if let content = try? Self.encode(current) {
      _ = content.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
      fsync(descriptor)
    }
    look()
    scheduleBeat(count + 1)
  }

  private func look() {
    var found = Self.read(folder)
    if found == nil, !FileManager.default.fileExists(atPath: Self.path(folder)) {
      // Another process that renamed it by mistake puts it back at once.
      Thread.sleep(forTimeInterval: 0.2)
      found = Self.read(folder)
    }
    // If the folder itself is gone, the next file that is written says so, with its name and size.
    let isMissing =
      found == nil && !FileManager.default.fileExists(atPath: Self.path(folder))
      && FileManager.default.fileExists(atPath: folder)
    let other = found.flatMap(Self.decode)
    state.withLock { state in
      guard !state.isReleased else { return }
      if isMissing || other.map({ $0.token != holder.token }) == true {
        state.lost = Loss(holder: other)
      } else {
        state.seen = .now
      }
    }
  }

  // MARK: The file

  /// Always the same length, so that a beat replaces it in place.
  private static func encode(_ holder: LeaseHolder) throws -> Data {
    let line = Data((try JSON.line(holder)).utf8)
    return line + Data(repeating: 0x20, count: max(0, 511 - line.count)) + Data("\n".utf8)
  }

  private static func decode(_ content: Data) -> LeaseHolder? { try? JSON.decode(LeaseHolder.self, from: content) }

  /// Opened anew each time, so that a network file system asks the server.
  private static func read(_ folder: String) -> Data? { FileManager.default.contents(atPath: path(folder)) }
}

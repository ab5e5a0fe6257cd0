import Foundation
import Synchronization
import Testing
import Training

/// Who may write to a run folder.
@Suite struct LeaseTests {
  private let scratch = ScratchFolder()
  private let folder: String
  private let path: String
  /// Times short enough for a test; a heartbeat is missed only where the machine stands still for a second.
  private let timing = Lease.Timing(heartbeat: .milliseconds(50), takeover: .seconds(1))

  init() throws {
    folder = scratch.path("run")
    path = folder + "/lease"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  private func write(_ holder: LeaseHolder) throws {
    try Data(JSON.line(holder).utf8).write(to: URL(fileURLWithPath: path))
  }

  private func holder() throws -> LeaseHolder {
    try JSON.decode(LeaseHolder.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }

  private func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder) }

  private func acquire() throws -> Lease { try Lease.acquire(folder: folder, timing: timing) }

  @Test func itNamesItsHolderAndVanishesWithIt() throws {
    let lease = try acquire()
    let found = try holder()
    #expect(found.pid == getpid())
    #expect(found.host == ProcessInfo.processInfo.hostName)
    #expect(try names() == ["lease"])
    lease.release()
    #expect(try names().isEmpty)
  }

  @Test func aSecondHolderIsRefusedAndToldWho() throws {
    let lease = try acquire()
    let error = try #require(throws: TrainingError.self) { try acquire() }
    guard case .held(folder, let other) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(other.pid == getpid())
    #expect("\(error)".contains("process \(getpid()) on \(other.host), since 2"))
    lease.release()
    try acquire().release()
  }

  @Test func aDeadProcessesLeaseIsTakenAtOnce() throws {
    let child = Process()
    child.executableURL = URL(fileURLWithPath: "/bin/true")
    try child.run()
    child.waitUntilExit()
    var dead = LeaseHolder.current()
    dead.pid = child.processIdentifier
    try write(dead)
    var waits = 0
    let lease = try Lease.acquire(folder: folder, timing: timing) { _, _ in waits += 1 }
    #expect(waits == 0)
    #expect(try holder().pid == getpid())
    #expect(try names() == ["lease"])
    lease.release()
  }

  /// The number of a dead process, given to another one since.
  @Test func aReusedProcessNumberIsTold() throws {
    var dead = LeaseHolder.current()
    dead.processStart = "1"
    try write(dead)
    try acquire().release()
  }

  @Test func aSilentHolderElsewhereIsTakenOverAfterTheStatedTime() throws {
    var other = LeaseHolder.current()
    (other.host, other.system) = ("elsewhere", "another boot")
    try write(other)
    var told: [String] = []
    let start = ContinuousClock.now
    let lease = try Lease.acquire(folder: folder, timing: timing) { holder, limit in
      told.append("\(holder?.host ?? "") \(limit)")
    }
    #expect(ContinuousClock.now - start >= .seconds(1))
    #expect(told == ["elsewhere 1.0 seconds"])
    lease.release()
  }

  @Test func aLivingHolderElsewhereIsRefusedAsSoonAsItBeats() throws {
    var other = LeaseHolder.current()
    (other.host, other.system) = ("elsewhere", "another boot")
    try write(other)
    let beating = other
    DispatchQueue.global().asyncAfter(deadline: .now() + 0.2) { [self] in
      var next = beating
      next.beat = "00000001"
      try? write(next)
    }
    let error = try #require(throws: TrainingError.self) { try acquire() }
    #expect("\(error)".contains("on elsewhere"))
    #expect(try holder().host == "elsewhere")
  }

  @Test func somethingElseInItsPlaceIsWatchedAndThenMovedAway() throws {
    try Data("not a lease".utf8).write(to: URL(fileURLWithPath: path))
    try acquire().release()
    #expect(try names().isEmpty)
  }

  @Test func theHeartbeatIsSeen() throws {
    let lease = try acquire()
    let first = try holder().beat
    Thread.sleep(forTimeInterval: 0.5)
    #expect(try holder().beat > first)
    try lease.check()
    lease.release()
    Thread.sleep(forTimeInterval: 0.2)
    #expect(try names().isEmpty)
  }

  /// A process that slept for long may wake after its folder was taken over.
  @Test func aTakenLeaseStopsItsHolderWhoLeavesTheNewOneAlone() throws {
    let lease = try acquire()
    var other = LeaseHolder.current()
    (other.host, other.system, other.pid) = ("elsewhere", "another boot", 7)
    try FileManager.default.removeItem(atPath: path)
    try write(other)
    Thread.sleep(forTimeInterval: 0.5)
    #expect(throws: TrainingError.leaseLost(path: folder, holder: other)) { try lease.check() }
    lease.release()
    #expect(try holder() == other)
  }

  @Test func aRemovedLeaseStopsItsHolder() throws {
    let lease = try acquire()
    try FileManager.default.removeItem(atPath: path)
    Thread.sleep(forTimeInterval: 1)
    #expect(throws: TrainingError.leaseLost(path: folder, holder: nil)) { try lease.check() }
  }

  /// Of many that find a dead holder's lease at the same time, one wins.
  @Test func oneOfManyTakersWins() throws {
    for _ in 0..<20 {
      var dead = LeaseHolder.current()
      dead.processStart = "1"
      try write(dead)
      let (folder, timing) = (folder, timing)
      let winners = Mutex<[Lease]>([])
      DispatchQueue.concurrentPerform(iterations: 8) { _ in
        if let lease = try? Lease.acquire(folder: folder, timing: timing) { winners.withLock { $0.append(lease) } }
      }
      let leases = winners.withLock { $0 }
      #expect(leases.count == 1)
      for lease in leases {
        try lease.check()
        lease.release()
      }
      #expect(try names().isEmpty)
    }
  }
}

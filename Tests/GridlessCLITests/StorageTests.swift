import Foundation
import Glibc
import Support
import TestSupport
import Testing

/// Disks that fail: nothing that was saved before is lost, and the messages are right.
@Suite struct StorageTests {
  /// One learning rate, so that a sweep over all operations is short.
  private static let job = Result { try Interruptible(steps: 3, ["--lr", "0.01", "--checkpoint-every", "1"]) }
  /// A race, of which the sweep is coarser.
  private static let race = Result { try Interruptible(steps: 4, ["--lr", "auto", "--checkpoint-every", "2"]) }

  /// Every file operation of a run fails once.
  ///
  /// Of the writes, which are many, and in short runs of the tests of the others, only some.
  @Test(arguments: ["write", "fsync", "rename"], [false, true])
  func aFailingOperationLosesNothing(_ operation: String, inARace: Bool) throws {
    let job = try (inARace ? Self.race : Self.job).get()
    let codes = [
      ("write", ENOSPC), ("write", EIO), ("fsync", EIO), ("fsync", ENOSPC), ("rename", EROFS), ("rename", EDQUOT),
    ]
    .filter { $0.0 == operation }.map(\.1)
    let stride = (operation == "write" ? (isLong ? 23 : 211) : (isLong ? 1 : 4)) * (inARace ? 5 : 1)
    var (at, failures) = (1, 0)
    while true {
      let folder = "\(inARace ? "race" : "single")-\(operation)-\(at)"
      let code = codes[failures % codes.count]
      let faults = try Faults.environment(operation, on: "/\(folder)/", at: at, "\(code)")
      let outcome = try job.start(folder, environment: faults).end()
      // All operations were done before the fault's turn came.
      if outcome.status == 0 { break }
      failures += 1
      #expect(outcome.status == 1, "\(folder): \(outcome.errors)")
      #expect(outcome.errors.contains("\(folder)"), "\(outcome.errors)")
      #expect(outcome.errors.contains(String(cString: strerror(code))), "\(outcome.errors)")
      let saved = try job.checkpoints(folder)
      if !saved.isEmpty { #expect(outcome.errors.contains("bytes needed"), "\(outcome.errors)") }

      let resumed = try job.run(folder)
      #expect(resumed.status == 0, "\(resumed.errors)")
      #expect(!resumed.errors.contains("damaged"), "\(resumed.errors)")
      // What the message promised was kept.
      if outcome.errors.contains("sync folder") {
        // The file is in place, although nobody can promise it: that is one more than the message counts on.
      } else if let kept = outcome.errors.firstMatch(of: /All up to (.*) is kept\./) {
        #expect(resumed.errors.contains("it goes on after \(kept.1)"), "\(outcome.errors)\n\(resumed.errors)")
      } else {
        #expect(saved.count <= 1)
      }
      try job.expectUndisturbed(folder, "\(folder): \(strerror(code).map { String(cString: $0) } ?? "")")
      try job.place.remove(folder)
      at += stride
    }
    #expect(failures >= 2, "no \(operation) failed")
  }

  @Test func aCheckpointThatCannotBeWrittenIsNamed() throws {
    let job = try Self.job.get()
    let faults = try Faults.environment("fsync", on: "checkpoints/.candidate-01-step-000000002", at: 1, "\(ENOSPC)")
    let outcome = try job.start("named", environment: faults).end()
    #expect(outcome.status == 1)
    #expect(
      outcome.errors.contains(
        /named\/checkpoints\/candidate-01-step-000000002\.safetensors: cannot be written \(sync: No space left on device; \d{6} bytes needed\)\. All up to step 1 of 3 at learning rate 0\.01 is kept\. Once the folder can be written, the same command goes on\./
      ), "\(outcome.errors)")
    #expect(try job.checkpoints("named").count == 1)
  }

  /// The lease is then made without one.
  @Test func aFileSystemWithoutLinksWillDo() throws {
    let job = try Self.job.get()
    // The fault is met: another folder's run dies of it.
    let deadly = try Faults.environment("link", on: "/lease", at: 1, "kill")
    #expect(try job.start("killed at its link", environment: deadly).end().status == -SIGKILL)
    let faults = try Faults.environment("link", on: "/lease", at: 1, "\(EPERM)")
    #expect(try job.start("no links", environment: faults).end().status == 0)
    try job.expectUndisturbed("no links")
  }

  /// What is new in a folder survives a power failure only where the folder is forced to disk, too.
  @Test func newEntriesOfFoldersAreForcedToDisk() throws {
    let job = try Self.job.get()
    let faults = try Faults.environment("fsync", on: "/newly", at: 1, "\(EIO)")
    let parent = try job.start("newly/run", environment: faults).end()
    #expect(parent.status == 1)
    #expect(parent.errors.contains("/newly: cannot be written (sync folder: "), "\(parent.errors)")
    // Those of the run's own folder once all is there that grows. Errors of its files name the files.
    var isMet = false
    for at in 1...12 where !isMet {
      let folder = "entries-\(at)"
      let faults = try Faults.environment("fsync", on: "/\(folder)", at: at, "\(EIO)")
      let outcome = try job.start(folder, environment: faults).end()
      isMet = outcome.errors.contains("\(folder): cannot be written (sync folder: ")
      guard isMet else { continue }
      for name in ["metrics.jsonl", "events.out.tfevents.gridless", "checkpoints"] {
        #expect(FileManager.default.fileExists(atPath: job.place.absolute("\(folder)/\(name)")), "\(name)")
      }
      #expect(try job.run(folder).status == 0)
      try job.expectUndisturbed(folder)
    }
    #expect(isMet)
  }

  @Test func aLostFolderIsNamed() throws {
    let job = try Interruptible(steps: 40, ["--lr", "0.01", "--checkpoint-every", "1"])
    let run = try job.start("lost")
    try run.wait { run.errorsSoFar.contains("step 4/40") }
    try FileManager.default.moveItem(atPath: job.place.absolute("lost"), toPath: job.place.absolute("found"))
    let outcome = try run.end()
    #expect(outcome.status == 1)
    #expect(
      outcome.errors.contains(
        /lost\/checkpoints\/candidate-01-step-\d*\.safetensors: cannot be written \(create: No such file or directory; \d{6} bytes needed\)/
      ), "\(outcome.errors)")
    #expect(try job.run("found").status == 0)
    try job.expectUndisturbed("found")
  }
}

/// A disk that fills up at any moment.
@Suite(.enabled(if: Disk.canMount, "needs root, to mount a small tmpfs")) struct FullDiskTests {
  private func withDisk(_ size: String, _ body: (Interruptible, String) throws -> Void) throws {
    let job = try Interruptible(steps: 10, ["--lr", "0.01", "--checkpoint-every", "1"])
    try job.place.makeFolder("disk")
    let disk = job.place.absolute("disk")
    try #require(Disk.mount(disk, size: size))
    defer { Disk.unmount(disk) }
    try body(job, disk)
  }

  @Test func aDiskThatFillsUpLosesNothing() throws {
    try withDisk("6m") { job, disk in
      var random = SplitMix64(state: 3)
      var failures = 0
      for turn in 1...(isLong ? 40 : 4) {
        let folder = "disk/run-\(turn)"
        let run = try job.start(folder)
        try run.wait { run.errorsSoFar.contains("step \(1 + random.below(9))/10") }
        usleep(UInt32(random.below(20_000)))
        Disk.fill(disk, leaving: random.below(700_000))
        let outcome = try run.end()
        if outcome.status != 0 {
          failures += 1
          #expect(outcome.status == 1, "\(outcome.errors)")
          #expect(
            outcome.errors.contains(
              /disk\/run-\d*\/\S*: cannot be written \((create|write|sync): No space left on device; \d+ bytes needed\)/
            ),
            "\(outcome.errors)")
          Disk.empty(disk)
          let resumed = try job.run(folder)
          #expect(resumed.status == 0 && resumed.errors.contains("it goes on after step "), "\(resumed.errors)")
        }
        Disk.empty(disk)
        try job.expectUndisturbed(folder, "turn \(turn)")
        try job.place.remove(folder)
      }
      #expect(failures > 0)
    }
  }

  @Test func spaceIsEstimatedBeforeTraining() throws {
    try withDisk("1m") { job, disk in
      let outcome = try job.run("disk/run")
      #expect(outcome.status == 1)
      #expect(
        outcome.errors.contains(/disk\/run: the run needs about \d{7} bytes on this disk, 1048576 are free\./),
        "\(outcome.errors)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: disk).isEmpty)
    }
  }
}

/// A small file system in memory.
private enum Disk {
  static let canMount: Bool = {
    let folder = FileManager.default.temporaryDirectory.appending(path: "disk-\(UUID().uuidString)").path
    guard mkdir(folder, 0o700) == 0 else { return false }
    defer { rmdir(folder) }
    guard mount(folder, size: "1m") else { return false }
    unmount(folder)
    return true
  }()

  static func mount(_ folder: String, size: String) -> Bool {
    Glibc.mount("tmpfs", folder, "tmpfs", 0, "size=\(size)") == 0
  }

  static func unmount(_ folder: String) { umount2(folder, Int32(MNT_DETACH)) }

  /// Leaves about so many bytes free.
  static func fill(_ folder: String, leaving: Int) {
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { return }
    let count = Int(status.f_bavail) * Int(status.f_frsize) - leaving
    let filler = open("\(folder)/filler", O_WRONLY | O_CREAT, 0o600)
    defer { close(filler) }
    if count > 0 { _ = posix_fallocate(filler, 0, off_t(count)) }
  }

  static func empty(_ folder: String) { unlink("\(folder)/filler") }
}

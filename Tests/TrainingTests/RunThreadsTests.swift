import Testing
import Torch
import Training

/// Threads belong to the process, their number to each run.
@Suite struct RunThreadsTests {
  /// Without a number of threads a run has one per core, whatever the run before had.
  @Test func threadsOfARunAreNotTheNextOnes() throws {
    let before = Runtime.threads
    defer { try? Runtime.setThreads(before) }
    let table = try TableRun(images: 30)
    let other = Runtime.defaultThreads + 1
    for (out, threads) in [("given", other), ("default", nil)] as [(String, Int?)] {
      _ = try table.run(out) { ($0.steps, $0.threads) = (1, threads) }
      let run = RunFolder(table.folder.path(out))
      #expect(try run.readConfiguration().threads == threads ?? Runtime.defaultThreads)
    }
    #expect(Runtime.threads == Runtime.defaultThreads)
  }
}

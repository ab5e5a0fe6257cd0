import Foundation
import Gridless
import Support
import TestSupport
import Testing

/// A run that is killed at any moment, again and again, ends as an undisturbed one.
@Suite struct KillTests {
  private static let kills = isLong ? 200 : 6

  @Test func everyKilledRunEndsAsTheUndisturbedOne() throws {
    let job = try Interruptible()
    var random = SplitMix64(state: isLong ? 2 : 1)
    var (kills, runs, insideWrites, betweenLegs) = (0, 0, 0, 0)
    while kills < Self.kills {
      runs += 1
      let folder = "run-\(runs)"
      while true {
        // By turns at a moment of the clock, and half-way through a file operation.
        let isTimed = kills % 2 == 0
        let run = try job.start(
          folder,
          environment: isTimed
            ? [:] : Faults.environment("any", on: "/\(folder)/", at: 1 + random.below(1800), "kill"))
        if isTimed {
          let deadline = ContinuousClock.now + .seconds(job.seconds * Double(random.below(800)) / 1000)
          try run.wait { ContinuousClock.now >= deadline }
          run.send(SIGKILL)
        }
        let outcome = try run.end()
        if outcome.status == 0 { break }
        #expect(outcome.status == -SIGKILL, "\(outcome.errors)")
        kills += 1
        let names = (try? FileManager.default.subpathsOfDirectory(atPath: job.place.absolute(folder))) ?? []
        if names.contains(where: { $0.hasPrefix("checkpoints/.") }) { insideWrites += 1 }
        // Where a leg or a branch begins, a checkpoint has a state only, and its checksum.
        let last = try job.checkpoints(folder).last.map { try SafetensorsFile(path: job.place.absolute($0)) }
        if last?.tensors.map(\.name) == ["crc32"] { betweenLegs += 1 }
        if kills >= Self.kills { break }
      }
      #expect(try job.run(folder).status == 0)
      try job.expectUndisturbed(folder, "run \(runs), after \(kills) kills")
      try job.place.remove(folder)
    }
    print(
      "\(kills) kills in \(runs) runs; \(insideWrites) inside checkpoint writes, \(betweenLegs) between legs of the race"
    )
    if isLong {
      #expect(insideWrites >= 10)
      #expect(betweenLegs >= 10)
    }
  }
}

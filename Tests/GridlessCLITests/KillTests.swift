import Foundation
import Gridless
import Testing

/// A run that is killed at any moment, again and again, ends as an undisturbed one.
@Suite struct KillTests {
  private static let kills = isLong ? 200 : 6

  @Test func everyKilledRunEndsAsTheUndisturbedOne() throws {
    let job = try Interruptible()
    var random = SplitMix(state: isLong ? 2 : 1)
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
        // Where a leg or a branch begins, a checkpoint has a state only.
        let last = try job.checkpoints(folder).last.map { try SafetensorsFile(path: job.place.absolute($0)) }
        if last?.tensors.isEmpty == true { betweenLegs += 1 }
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

/// Random numbers that are the same in each run of the tests (Steele, Lea and Flood, 2014).
struct SplitMix {
  var state: UInt64

  /// A number in `0..<bound`.
  mutating func below(_ bound: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return Int((mixed ^ (mixed >> 31)) % UInt64(bound))
  }
}

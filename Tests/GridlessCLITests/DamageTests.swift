import Foundation
import Testing

/// Checkpoints that a disk has damaged.
@Suite struct DamageTests {
  private static let job = Result { try Interruptible(["--lr", "grid", "--checkpoint-every", "1"]) }

  private func interrupted(_ folder: String) throws -> Interruptible {
    let job = try Self.job.get()
    try job.killAfter("candidate-02-step-000000003", in: folder)
    return job
  }

  private func flip(_ name: String, in place: Workplace) throws {
    var bytes = try place.contents(name)
    bytes[bytes.count / 2] ^= 4
    try place.write(name, bytes)
  }

  @Test func theOneBeforeIsUsedAndTheDamagedOneKept() throws {
    let job = try interrupted("one")
    let newest = try #require(try job.checkpoints("one").last)
    try flip(newest, in: job.place)
    let damaged = try job.place.contents(newest)
    let outcome = try job.run("one")
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("a checkpoint is damaged: \(newest) (its checksum is "))
    #expect(outcome.errors.contains("It is kept as \(newest).damaged. The one before it is used"))
    #expect(try job.place.contents(newest + ".damaged") == damaged)
    try job.expectUndisturbed("one")
  }

  @Test func aTruncatedOneIsDamagedToo() throws {
    let job = try interrupted("cut")
    let newest = try #require(try job.checkpoints("cut").last)
    try job.place.write(newest, Data())
    let outcome = try job.run("cut")
    #expect(outcome.errors.contains("a checkpoint is damaged: \(newest) (0 bytes, expected at least 8"))
    try job.expectUndisturbed("cut")
  }

  @Test func withoutAnyTheRunStartsAgainAndSaysSo() throws {
    let job = try interrupted("all")
    for name in try job.checkpoints("all") { try flip(name, in: job.place) }
    let outcome = try job.run("all")
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("No other is left: training starts again"))
    #expect(outcome.errors.contains("it goes on from its first step"))
    try job.expectUndisturbed("all")
  }

  @Test func aDamagedBestRateCountsAsWell() throws {
    let job = try interrupted("best")
    try flip("best/checkpoints/best-01.safetensors", in: job.place)
    let outcome = try job.run("best")
    #expect(outcome.status == 0)
    #expect(outcome.errors.contains("a checkpoint is damaged: best/checkpoints/best-01.safetensors"))
    try job.expectUndisturbed("best")
  }

  @Test func lostMetricsAreNotGoneOnFrom() throws {
    let job = try interrupted("metrics")
    try job.place.write("metrics/metrics.jsonl", job.place.contents("metrics/metrics.jsonl").prefix(100))
    let outcome = try job.run("metrics")
    #expect(outcome.errors.contains("metrics.jsonl has 100 bytes, but had "))
    try job.expectUndisturbed("metrics")
  }
}

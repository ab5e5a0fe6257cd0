import Foundation
import Testing

@Suite struct DeterminismTests {
  @Test func theSeedDecidesEveryBit() throws {
    let place = try Workplace()
    try place.writeData()
    func run(_ name: String, seed: String) throws -> (model: Data, metrics: Data) {
      let outcome = try place.finetune("data", "--out", name, "--seed", seed, "--n", "6", "--quiet")
      #expect(outcome.status == 0)
      return (try place.contents("\(name)/model.safetensors"), try place.contents("\(name)/metrics.jsonl"))
    }
    let (first, again) = (try run("first", seed: "7"), try run("again", seed: "7"))
    #expect(first.model == again.model)
    #expect(first.metrics == again.metrics)
    let other = try run("other", seed: "8")
    #expect(first.model != other.model)
    #expect(first.metrics != other.metrics)
  }

  /// A rate's run does not depend on the rates that are tried beside it.
  @Test func theSearchsWinnerIsTheRunAtThatRateAlone() throws {
    let place = try Workplace()
    try place.writeData()
    let result = try place.result("data", "--lr", "auto", "--out", "search")
    let rate = try #require(result["lr"] as? Double)
    _ = try place.result("data", "--lr", "\(rate)", "--out", "alone")
    #expect(try place.contents("search/model.safetensors") == place.contents("alone/model.safetensors"))
  }
}

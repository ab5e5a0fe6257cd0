import Foundation
import Testing

@Suite struct DeterminismTests {
  @Test(arguments: ["1", "2"]) func theSeedDecidesEveryBit(threads: String) throws {
    let place = try Workplace()
    try place.writeData()
    func run(_ name: String, seed: String) throws -> (model: Data, metrics: Data) {
      let outcome = try place.finetune(
        "data", "--out", name, "--seed", seed, "--n", "6", "--quiet", "--threads", threads)
      #expect(outcome.status == 0)
      return (try place.contents("\(name)/model.safetensors"), try place.contents("\(name)/metrics.jsonl"))
    }
    // Threads as many as users have: what they share is added up in one order.
    let (first, again) = (try run("first", seed: "7"), try run("again", seed: "7"))
    #expect(first.model == again.model)
    #expect(first.metrics == again.metrics)
    let other = try run("other", seed: "8")
    #expect(first.model != other.model)
    #expect(first.metrics != other.metrics)
  }

  /// A rate's run does not depend on the rates that are tried beside it.
  @Test(arguments: [("grid", "3"), ("auto", "3"), ("auto", "24"), ("auto", "1")])
  func theSearchsWinnerIsTheRunAtThatRateAlone(lr: String, steps: String) throws {
    let place = try Workplace()
    try place.writeData()
    let result = try place.result("data", "--lr", lr, "--steps", steps, "--out", "search")
    let rate = try #require(result["lr"] as? Double)
    let alone = try place.result("data", "--lr", "\(rate)", "--steps", steps, "--out", "alone")
    #expect(try place.contents("search/model.safetensors") == place.contents("alone/model.safetensors"))
    for key in ["elbo", "lambda", "tau", "sigma", "test"] {
      #expect(result[key] as? NSObject == alone[key] as? NSObject, "\(key)")
    }
    // Its steps are told once and in order, as they are of the run alone.
    func lines(_ run: String) throws -> [Substring] {
      String(decoding: try place.contents("\(run)/metrics.jsonl"), as: UTF8.self).split(separator: "\n").filter {
        $0.hasPrefix("{\"candidate_lr\":\(rate),")
      }
    }
    let winners = try lines("search")
    #expect(winners.count == Int(steps))
    #expect(try winners == lines("alone"))
  }
}

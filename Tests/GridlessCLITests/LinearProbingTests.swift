import Foundation
import Testing

/// `--train head` on the handwritten digits, from the demo's network.
@Suite(.enabled(if: Workplace.digits != nil, "no digits: make setup"))
struct LinearProbingTests {
  @Test func runsEndToEnd() throws {
    let place = try Workplace()
    let data = try #require(Workplace.digits)
    let arguments = [
      "--weights", Workplace.digitsNetwork, "--classes", "5,6,7,8,9", "--n", "100", "--train", "head", "--steps", "200",
      "--batch-size", "50", "--lr", "0.1", "--initial-sigma", "1e-2", "--json",
    ]
    let outcome = try Command.run(Workplace.tiny(data, arguments), in: place.path)
    let result = try outcome.result()
    #expect(outcome.errors.contains("augmentation is off: with --train head"))
    #expect(result["d"] as? Int == 5 * 65)
    #expect(result["kappa"] as? Double == 3.25)
    let test = try #require(result["test"] as? [String: Any])
    #expect(try #require(test["accuracy"] as? Double) > 0.7)
    let evaluation = try place.gridless("evaluate", "run", "--data", data, "--json").result()
    let again = try #require(evaluation["test"] as? [String: Any])
    let (found, expected) = (try #require(again["nll"] as? Double), try #require(test["nll"] as? Double))
    #expect(abs(found - expected) < 1e-5)
    let same = try Command.run(Workplace.tiny(data, arguments), in: place.path)
    #expect(try same.result() as NSDictionary == result as NSDictionary)
    let other = try Command.run(Workplace.tiny(data, arguments + ["--train", "all"]), in: place.path)
    #expect(other.status == 1 && other.errors.contains("train: \"head\" there, \"all\" now"))
  }
}

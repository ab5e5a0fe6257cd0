import Foundation
import Testing

/// The digits that `make setup` keeps; nil if they are not there.
private let digits: String? = {
  let environment = ProcessInfo.processInfo.environment
  let named = environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : $0 }
  let path = (named ?? "\(environment["HOME"] ?? "")/.cache") + "/gridless/digits/digits.csv"
  return FileManager.default.fileExists(atPath: path) ? path : nil
}()

/// `--train head` on the handwritten digits, from the demo's network.
@Suite(.enabled(if: digits != nil, "no digits: make setup"))
struct LinearProbingTests {
  private static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  @Test func runsEndToEnd() throws {
    let place = try Workplace()
    let weights = Self.package.appending(path: "Examples/digits/resnet8-digits-0-4.safetensors").path
    let data = try #require(digits)
    let arguments = [
      "--weights", weights, "--classes", "5,6,7,8,9", "--n", "100", "--train", "head", "--steps", "200",
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

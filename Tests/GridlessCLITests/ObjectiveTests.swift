import Foundation
import Gridless
import Testing

/// `--objective` and `--hold-out` from the command line.
@Suite struct ObjectiveTests {
  /// A person's view of a MAP run, and what `evaluate` and `predict` make of it.
  @Test func aMAPRunIsReadAndUsed() throws {
    let place = try Workplace()
    try place.writeData()
    let arguments = ["--objective", "map", "--alpha", "1e-3", "--beta", "0.1", "--hold-out", "0.25"]
    let run = try Command.run(Workplace.tiny("data", arguments), in: place.path)
    #expect(run.status == 0, "\(run.errors)")
    for line in ["training set   N = 6", "penalty        α 1.00e-03   β 1.00e-01"] {
      #expect(run.lines.contains(line), "\(run.output)")
    }
    #expect(run.lines.contains { $0.hasPrefix("held out       accuracy ") })
    #expect(run.errors.contains("note: 2 of 8 training examples are held out\n"))
    #expect(run.errors.contains("decoded 6 images of train\n") && run.errors.contains("decoded 2 images of held-out\n"))
    #expect(run.errors.contains(" + penalty ") && !run.errors.contains("KL") && !run.errors.contains("κ"))
    #expect(!FileManager.default.fileExists(atPath: place.absolute("run/posterior.safetensors")))

    let evaluate = ["evaluate", "run", "--data", "data", "--json"]
    let test = try #require(try Command.run(evaluate, in: place.path).result()["test"] as? [String: Any])
    let result = try Command.run(Workplace.tiny("data", arguments + ["--json"]), in: place.path).result()
    let own = try #require(result["test"] as? [String: Any])
    let (found, expected) = (try #require(test["nll"] as? Double), try #require(own["nll"] as? Double))
    #expect(abs(found - expected) < 1e-5)
    let image = "data/test/red 赤/photo é 0.\(try Workplace.picture(4).suffix)"
    #expect(try place.gridless("predict", "run", image).status == 0)
    for command in [evaluate, ["predict", "run", image]] {
      let average = try Command.run(command + ["--average", "2"], in: place.path)
      #expect(average.status == 1)
      #expect(average.errors.contains("trained without noise, by --objective map). Leave --average out"))
    }
    let other = try Command.run(Workplace.tiny("data", arguments + ["--alpha", "1"]), in: place.path)
    #expect(other.status == 1 && other.errors.contains("alpha: 0.001 there, 1 now"), "\(other.errors)")
  }

  /// Killed in the second learning rate's training, which is the held-out part's choice in the end.
  @Test func anInterruptedSearchByTheHeldOutPartIsTheUndisturbedOne() throws {
    let job = try Interruptible(
      steps: 6,
      ["--objective", "map", "--alpha", "1e-2", "--lr", "grid", "--hold-out", "0.25", "--checkpoint-every", "1"])
    try job.killAfter("candidate-02-step-000000003", in: "killed")
    let outcome = try job.run("killed", ["--json"])
    #expect(outcome.status == 0, "\(outcome.errors)")
    try job.expectUndisturbed("killed")
    let candidates = try #require(try outcome.result()["lr_candidates"] as? [[String: Double]])
    #expect(candidates.count == 4)
    let best = candidates.min { ($0["validation_loss"] ?? .nan) < ($1["validation_loss"] ?? .nan) }
    #expect(try outcome.result()["lr"] as? Double == best?["lr"])
    let validation = try #require(try outcome.result()["validation"] as? [String: Any])
    let nll = try #require(validation["nll"] as? Double)
    #expect(abs(nll - (best?["validation_loss"] ?? .nan)) < 1e-9)
  }

  /// Killed between two epochs: the precisions and Adam's moments go on.
  @Test func anInterruptedLaplaceRunIsTheUndisturbedOne() throws {
    let job = try Interruptible(steps: 8, ["--objective", "la-lml", "--lr", "0.05", "--checkpoint-every", "1"])
    for step in [3, 5] {
      try job.killAfter("candidate-01-step-00000000\(step)", in: "killed \(step)")
      let outcome = try job.run("killed \(step)", ["--json"])
      #expect(outcome.status == 0, "\(outcome.errors)")
      try job.expectUndisturbed("killed \(step)")
      let result = try outcome.result()
      let numbers = ["alpha", "beta", "log_marginal_likelihood"].map { result[$0] as? Double }
      let undisturbed = try job.run("undisturbed", ["--json"]).result()
      #expect(numbers == ["alpha", "beta", "log_marginal_likelihood"].map { undisturbed[$0] as? Double })
      #expect(numbers.allSatisfy { $0 != nil })
    }
  }
}

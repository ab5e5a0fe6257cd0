import Foundation
import Gridless
import Testing

/// Numbers that are not finite: the message names them, and what was good is kept.
@Suite struct DivergenceTests {
  private func place(weights: Float = 1e30) throws -> Workplace {
    let place = try Workplace()
    try place.writeData()
    try place.writeCheckpoint("wild.safetensors") { _, state in
      for index in state.parameters.indices { state.parameters[index] = state.parameters[index].map { _ in weights } }
    }
    return place
  }

  /// A checkpoint of finite but absurd numbers: each candidate overflows, and the search says so.
  @Test(arguments: [("grid", "0.1, 0.01, 0.001, 0.0001", 4), ("auto", "0.1, 0.03, 0.01, 0.003, 0.001", 5)])
  func divergenceAtEveryRateIsAnError(lr: String, rates: String, count: Int) throws {
    let place = try place()
    for turn in 1...2 {
      // Given again, the command has nothing else to say.
      let outcome = try place.finetune("data", "--weights", "wild.safetensors", "--lr", lr, "--json")
      #expect(outcome.status == 1)
      #expect(outcome.errors.contains("training diverged at every learning rate (\(rates))"))
      let candidates = try outcome.objects()
      #expect(candidates.count == count || (turn == 2 && candidates.isEmpty))
      for candidate in candidates {
        #expect(candidate["event"] as? String == (lr == "grid" ? "candidate" : "rung"))
        #expect(candidate["loss"] is NSNull)
        let failure = try #require(candidate["failure"] as? String)
        #expect(failure.contains("is not finite at step 1 with learning rate "))
        #expect(failure.contains("; first in the gradient of conv1.weight and in the statistics bn1.running_var"))
      }
    }
  }

  @Test func theMessageNamesTermTensorStepAndRate() throws {
    let outcome = try place().finetune("data", "--weights", "wild.safetensors", "--lr", "0.25")
    #expect(outcome.status == 1)
    #expect(
      outcome.errors.contains(
        "the data term (mean NLL) is not finite at step 1 with learning rate 0.25; first in the gradient of conv1.weight"
      ), "\(outcome.errors)")
    // No rate has been applied yet.
    #expect(outcome.errors.contains("it is not the learning rate: check the weights"))
  }

  /// σ falls to zero, and its logarithm with it.
  @Test func theStateBeforeIsKept() throws {
    let place = try Workplace()
    try place.writeData()
    let first = try place.finetune("data", "--lr", "1e30", "--steps", "9")
    #expect(first.status == 1)
    let match = try #require(
      first.errors.firstMatch(
        of: #/is not finite at step (\d) with learning rate 1e\+30; first in .*\. The state before is kept in (\S*)\. /#
      ),
      "\(first.errors)")
    let step = try #require(Int(match.1))
    #expect(step > 1)
    let kept = try SafetensorsFile(path: place.absolute(String(match.2)))
    try kept.verifyChecksum()
    #expect(kept.path.hasSuffix("step-00000000\(step - 1).safetensors"))
    for tensor in kept.tensors { #expect(try kept.doubles(tensor.name).allSatisfy(\.isFinite), "\(tensor.name)") }
    // It goes on from there, to the same end.
    let again = try place.finetune("data", "--lr", "1e30", "--steps", "9")
    #expect(again.status == 1 && again.errors.contains(match.0))
  }

  private func options(in place: Workplace, out: String, steps: Int) -> FineTuneOptions {
    var options = FineTuneOptions(
      data: place.absolute("data"), model: "resnet8", weights: nil, out: place.absolute(out))
    (options.size, options.steps, options.batchSize, options.device, options.threads) = (16, steps, 4, .cpu, 1)
    return options
  }

  /// An absurd rate before a sound one, which is the run at that rate alone.
  @Test(arguments: [LearningRateChoice.grid, .race]) func aRateThatDivergesJustLoses(_ choice: LearningRateChoice)
    throws
  {
    let place = try Workplace()
    try place.writeData()
    var options = options(in: place, out: "search", steps: 6)
    (options.learningRate, options.learningRates) = (choice, [1e30, 0.01])
    let result = try FineTuner(options).run()
    #expect((result.rungs != nil) == (choice == .race))
    #expect(result.lr == 0.01)
    #expect(result.lrCandidates.map(\.lr) == [1e30, 0.01])
    #expect(result.lrCandidates[0].loss == nil && result.lrCandidates[1].loss == result.loss)
    #expect(result.lrCandidates[0].failure?.contains("is not finite at step") == true)
    options.learningRates = [0.01]
    options.out = place.absolute("alone")
    try FineTuner(options).run()
    #expect(try place.contents("search/model.safetensors") == place.contents("alone/model.safetensors"))
  }

  /// MAP's rates are compared by the held-out part, which a network whose outputs overflow has no metrics of.
  @Test func aRateOfMAPThatDivergesInItsLastStepJustLoses() throws {
    let place = try Workplace()
    try place.writeData()
    var options = options(in: place, out: "search", steps: 1)
    (options.objective, options.holdOut) = (.map, 0.25)
    (options.learningRate, options.learningRates) = (.grid, [1e30, 0.01])
    let result = try FineTuner(options).run()
    #expect(result.lr == 0.01 && result.lrCandidates.map(\.lr) == [1e30, 0.01])
    #expect(result.lrCandidates[0].loss == nil && result.lrCandidates[0].validationLoss == nil)
    #expect(result.lrCandidates[0].failure?.contains("is not finite at step 1") == true)
    #expect(result.lrCandidates[1].validationLoss?.isFinite == true)
    options.learningRates = [0.01]
    options.out = place.absolute("alone")
    try FineTuner(options).run()
    #expect(try place.contents("search/model.safetensors") == place.contents("alone/model.safetensors"))
  }

  /// Of three finalists one diverges on its way to the end: the better of the others is the run at its rate alone.
  @Test func aFinalistThatDivergesJustLoses() throws {
    let place = try Workplace()
    try place.writeData()
    var options = options(in: place, out: "race", steps: 60)
    (options.learningRates, options.finalists) = ([2.4e8, 0.01, 1e-9], 3)
    let result = try FineTuner(options).run()
    #expect(result.lr == 0.01)
    let lost = try #require(result.lrCandidates.first)
    #expect(lost.loss == nil && lost.droppedAt == nil && lost.failure?.contains("is not finite at step") == true)
    (options.learningRates, options.finalists) = (nil, 1)
    (options.learningRate, options.out) = (.fixed(0.01), place.absolute("alone"))
    try FineTuner(options).run()
    #expect(try place.contents("race/model.safetensors") == place.contents("alone/model.safetensors"))
  }

  /// The winner diverges after the race, and so do those that take its place; each step is told once.
  @Test(arguments: [1, 2]) func whereTheWinnerDivergesTheNextBestGoesOn(_ finalists: Int) throws {
    let place = try Workplace()
    try place.writeData()
    var options = options(in: place, out: "fall", steps: 60)
    (options.learningRates, options.finalists) = ([3e8, 2.7e8, 2.4e8], finalists)
    var notes: [String] = []
    let error = #expect(throws: TrainingError.self) {
      try FineTuner(options).run { if case .note(let note) = $0 { notes.append(note) } }
    }
    #expect(error == .allCandidatesDiverged([3e8, 2.7e8, 2.4e8]))
    let lines = String(decoding: try place.contents("fall/metrics.jsonl"), as: UTF8.self).split(separator: "\n")
    struct Line: Decodable {
      var event: String
      var candidateLr, lr: Double?
      var step: Int?
      var failure: String?
    }
    let records = try lines.map { try JSON.decode(Line.self, from: Data($0.utf8)) }
    let ends = records.filter { $0.event == "candidate" }
    #expect(ends.map(\.lr) == [2.4e8, 2.7e8, 3e8] && ends.allSatisfy { $0.failure != nil })
    #expect(
      notes.filter { $0.contains("diverged on its way to the end; the next best of the race, ") }.count == ends.count
        - 1)
    for rate in [3e8, 2.7e8, 2.4e8] {
      let steps = records.filter { $0.candidateLr == rate }.compactMap(\.step)
      #expect(steps == Array(1..<(steps.count + 1)))
    }
  }
}

import Testing
import Training

@Suite struct CheckpointIntervalTests {
  @Test(arguments: [
    ("50", CheckpointInterval.steps(50)), ("10m", .seconds(600)), ("30s", .seconds(30)), ("0.5s", .seconds(0.5)),
    ("90s", .seconds(90)), ("1.5m", .seconds(90)),
  ])
  func itReadsWhatItWrites(_ text: String, _ interval: CheckpointInterval) {
    #expect(CheckpointInterval(text) == interval)
    #expect(CheckpointInterval(interval.description) == interval)
  }

  @Test(arguments: ["", "0", "-1", "0m", "-5s", "nans", "infm", "m", "1h", "5 m", "1.5", "ten"])
  func itRefuses(_ text: String) { #expect(CheckpointInterval(text) == nil) }

  /// An interval that was not read from a text is refused before anything is looked at.
  @Test(arguments: [CheckpointInterval.steps(0), .steps(-3), .seconds(.nan), .seconds(-1)])
  func aRunRefuses(_ interval: CheckpointInterval) {
    var options = FineTuneOptions(data: "nowhere", model: "resnet8", weights: nil, out: "nowhere")
    options.checkpointEvery = interval
    let error = #expect(throws: TrainingError.self) { try FineTuner(options).run() }
    #expect(error?.description.hasPrefix("--checkpoint-every ") == true)
  }
}

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
}

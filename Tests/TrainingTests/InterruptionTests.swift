import Testing
import Training

/// What a request to stop finds.
@Suite struct InterruptionTests {
  /// Before a run, in its training and after its end.
  @Test func itKnowsHowFarItsRunIs() throws {
    let table = try TableRun(images: 30)
    let interruption = Interruption()
    #expect(!interruption.hasEnded)
    let options = table.options("run") { $0.steps = 2 }
    try FineTuner(options).run(interruption: interruption) { event in
      if case .step = event { #expect(!interruption.hasEnded) }
    }
    #expect(interruption.hasEnded && !interruption.isRequested)
    // Nothing is to be waited for any more.
    #expect(interruption.request())
    #expect(interruption.hasEnded)

    let other = Interruption()
    #expect(throws: TrainingError.self) {
      try FineTuner(table.options("other") { $0.steps = 2 }).run(interruption: other) { event in
        if case .step = event { #expect(!other.request()) }
      }
    }
    #expect(other.hasEnded)
  }
}

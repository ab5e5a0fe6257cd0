import Baselines
import Testing

@Suite struct ASHATests {
  /// Runs to the end with one worker; configuration c scores c mod 7 at each rung.
  private func run(_ asha: ASHA) -> [ASHA.Entry] {
    var entries: [ASHA.Entry] = []
    while case .run(let configuration, let rung) = asha.next(after: entries) {
      let outcome = configuration == 3 ? ASHA.Outcome.failed : .scored(Double(configuration % 7))
      entries.append(ASHA.Entry(configuration: configuration, rung: rung, outcome: outcome))
    }
    return entries
  }

  @Test func rungsArePartsOfTheWholeRun() {
    #expect(ASHA(steps: 6000, budget: 12).rungs == [666, 2000, 6000])
    #expect(ASHA(steps: 400, budget: 12).rungs == [44, 133, 400])
    #expect(ASHA(steps: 4, budget: 12).rungs == [1, 4])
    #expect(ASHA(steps: 1, budget: 2).rungs == [1])
  }

  @Test func theBestThirdGoesOn() {
    let asha = ASHA(steps: 90, budget: 12)
    let entries = run(asha)
    #expect(entries.reduce(0) { $0 + asha.rungs[$1.rung] } <= 12 * 90)
    let byRung = (0..<3).map { rung in entries.filter { $0.rung == rung }.map(\.configuration) }
    #expect(byRung[0] == Array(0..<byRung[0].count))
    #expect(byRung[0].count >= 30)
    #expect(byRung[1].count <= byRung[0].count / 3)
    #expect(byRung[2].count <= byRung[1].count / 3)
    #expect(!byRung[2].isEmpty)
    #expect(Set(byRung[2]).isSubset(of: byRung[1]))
    #expect(!byRung[1].contains(3), "one that failed does not go on")
    // The third to end is followed by the best of three, and no configuration goes on twice.
    #expect(entries[3] == ASHA.Entry(configuration: 0, rung: 1, outcome: .scored(0)))
    for rung in byRung { #expect(Set(rung).count == rung.count) }
  }

  @Test func whileOthersRunItBeginsNewOnes() {
    let asha = ASHA(steps: 9, budget: 1)
    let running = (0..<3).map { ASHA.Entry(configuration: $0, rung: 0, outcome: .running) }
    #expect(asha.next(after: running) == .run(configuration: 3, rung: 0))
    let many = (0..<6).map { ASHA.Entry(configuration: $0, rung: 0, outcome: .running) }
    #expect(asha.next(after: many) == .run(configuration: 6, rung: 0))
    let full = (0..<9).map { ASHA.Entry(configuration: $0, rung: 0, outcome: .running) }
    #expect(asha.next(after: full) == .finished)
    // Of four that have ended the best goes on; of equal ones the older.
    let mixed = (0..<6).map { ASHA.Entry(configuration: $0, rung: 0, outcome: $0 < 2 ? .running : .scored(1)) }
    #expect(asha.next(after: mixed) == .run(configuration: 2, rung: 1))
  }
}

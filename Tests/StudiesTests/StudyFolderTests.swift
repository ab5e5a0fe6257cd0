import Dispatch
import Foundation
import Studies
import Synchronization
import Testing
import Training

@Suite struct StudyFolderTests {
  private let scratch: Scratch
  private let folder: StudyFolder

  init() throws {
    scratch = try Scratch()
    folder = StudyFolder(scratch.path + "/study")
  }

  private let trial = TrialRecord(
    id: "map-bo-s1-b03", method: "map-bo", seed: 1, stage: .search, values: ["lr": 0.0123456789, "alpha": 1e-5],
    steps: 400)

  @Test func whatIsWrittenIsRead() throws {
    let begun = configuration([.mapBO, .deELBO]) { ($0.budget, $0.kappas) = (.minutes(2.5), [1, 3.25]) }
    try folder.begin(begun)
    #expect(try folder.configuration == begun)
    #expect(try folder.records().isEmpty)
    try folder.write(trial)
    #expect(try folder.records() == [trial])
    #expect(try folder.records().first?.studyMethod == .mapBO)
  }

  @Test func theSameOptionsJoinAndOthersAreRefused() throws {
    try folder.begin(configuration([.mapBO]))
    // Where data and weights lie may change.
    try folder.begin(
      configuration([.mapBO]) {
        ($0.data, $0.weights, $0.checkpointEvery) = ("elsewhere", "moved.safetensors", "5")
      })
    let error = try #require(throws: StudyError.self) {
      try folder.begin(
        configuration([.mapBO]) {
          ($0.steps, $0.seeds, $0.configs) = (80, [7], 3)
        })
    }
    #expect(
      error
        == .otherConfiguration(
          path: folder.path,
          differences: ["configs: unset there, 3 now", "seeds: [0] there, [7] now", "steps: 90 there, 80 now"]))
    #expect("\(error)".contains("Pass another --out, or the same arguments."))
  }

  @Test func aFolderOfSomethingElseIsRefused() throws {
    try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
    try Data("x".utf8).write(to: URL(fileURLWithPath: folder.path + "/thesis.tex"))
    #expect(throws: StudyError.notAStudy(path: folder.path, found: "thesis.tex")) {
      try folder.begin(configuration([.mapBO]))
    }
    let file = StudyFolder(folder.path + "/thesis.tex")
    #expect(throws: StudyError.notAStudy(path: file.path, found: "a file")) {
      try file.begin(configuration([.mapBO]))
    }
    let error = try #require(throws: StudyError.self) { try folder.configuration }
    #expect("\(error)".contains("no study.json, so not a study"))
  }

  /// Trials that are not seen would be made again.
  @Test func trialsThatCannotBeListedAreTold() throws {
    try folder.begin(configuration([.mapBO]))
    try folder.write(trial)
    try FileManager.default.moveItem(atPath: folder.path + "/trials", toPath: folder.path + "/elsewhere")
    let error = try #require(throws: StudyError.self) { try folder.records() }
    #expect("\(error)".contains("/trials: cannot be listed"), "\(error)")
  }

  /// It is not written over.
  @Test func aStudyThatCannotBeReadIsLeft() throws {
    try FileManager.default.createDirectory(
      atPath: folder.configurationFile, withIntermediateDirectories: true)
    #expect(throws: StudyError.notAStudy(path: folder.path, found: "a study.json that cannot be read")) {
      try folder.begin(configuration([.mapBO]))
    }
  }

  @Test func anUnreadableTrialIsTold() throws {
    try folder.begin(configuration([.mapBO]))
    try folder.write(trial)
    let place = folder.path + "/trials/" + trial.id
    func failure(_ content: String) throws -> String {
      try Data(content.utf8).write(to: URL(fileURLWithPath: place + "/trial.json"))
      return "\(try #require(throws: StudyError.self) { try folder.records() })"
    }
    let good = String(decoding: try JSON.document(trial), as: UTF8.self)
    let cases = [
      (String(good.prefix(40)), "cannot be read"), (good.replacingOccurrences(of: "\"seed\"", with: "\"sed\""), "seed"),
      (good.replacingOccurrences(of: "\"search\"", with: "\"hunt\""), "stage"),
      (good.replacingOccurrences(of: "b03\"", with: "b04\""), "is that of the trial map-bo-s1-b04"),
    ]
    for (content, says) in cases {
      let message = try failure(content)
      #expect(message.hasPrefix(place))
      #expect(message.contains(says), "\(message)")
      #expect(message.contains("Remove this trial's folder, and the study makes it again."))
    }
    try FileManager.default.removeItem(atPath: place + "/trial.json")
    // A process was killed between making the folder and writing the record.
    #expect(try folder.records().isEmpty)
    try Data("x".utf8).write(to: URL(fileURLWithPath: place + "/config.json"))
    #expect(throws: StudyError.unreadableTrial(path: place, reason: "has no trial.json")) { try folder.records() }
  }

  @Test func oneAtATimeHoldsTheStudyAndATrial() throws {
    try folder.begin(configuration([.mapBO]))
    let inside = Mutex((now: 0, most: 0, turns: 0))
    let folder = folder
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      for _ in 0..<5 {
        try? folder.locked {
          inside.withLock { ($0.now, $0.most, $0.turns) = ($0.now + 1, max($0.most, $0.now + 1), $0.turns + 1) }
          usleep(500)
          inside.withLock { $0.now -= 1 }
        }
      }
    }
    #expect(inside.withLock { $0.most } == 1)
    #expect(inside.withLock { $0.turns } == 40)
    let lease = try #require(try folder.claim(trial.id))
    #expect(try folder.claim(trial.id) == nil)
    folder.release(lease, of: trial.id)
    #expect(!FileManager.default.fileExists(atPath: folder.claim(of: trial.id)))
    let again = try #require(try folder.claim(trial.id))
    folder.release(again, of: trial.id)
  }

  @Test func budgetsAreReadAsTheyAreWritten() {
    for (text, budget) in [
      ("24runs", StudyBudget.runs(24)), ("24", .runs(24)), ("90m", .minutes(90)), ("1.5h", .minutes(90)),
    ] {
      #expect(StudyBudget(text) == budget)
      #expect(StudyBudget(budget.description) == budget)
    }
    for text in ["", "runs", "0", "-3runs", "0m", "1d", "infm", "2.5"] { #expect(StudyBudget(text) == nil, "\(text)") }
  }
}

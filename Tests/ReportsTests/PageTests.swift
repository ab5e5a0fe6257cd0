import Datasets
import Foundation
import Reports
import Testing
import Training

/// What pages say, and that nothing on them is taken for markup.
@Suite struct PageTests {
  private static let fixture = Result {
    let fixture = try Fixture()
    _ = try fixture.raced()
    return fixture
  }

  private func body(_ report: Report) throws -> String { try report.body() }

  @Test func dangerousNamesAreText() throws {
    let fixture = try Self.fixture.get()
    // Wrong often enough for every name to be in the table of mistakes.
    let run = try fixture.copy(fixture.place("raced"), "dangerous", names: Fixture.classes, right: 1)
    let body = try body(Report(run))
    for name in Fixture.classes { #expect(!body.contains(name)) }
    #expect(body.contains("&lt;/script&gt;&lt;script&gt;document.title=&#39;broken&#39;&lt;/script&gt;"))
    #expect(body.contains(#"\u003c/script\u003e\u003cscript\u003e"#))
    // The figures' data ends where it should.
    let blocks = body.components(separatedBy: #"<script type="application/json">"#).dropFirst()
    #expect(blocks.count >= 6)
    for block in blocks {
      let json = try #require(block.components(separatedBy: "</script>").first)
      let figure = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
      #expect(figure?["id"] is String && figure?["title"] is String)
    }
  }

  @Test func theDataIsThatOfTheRun() throws {
    let fixture = try Self.fixture.get()
    let run = RunFolder(fixture.place("raced"))
    let result = try run.readSummary()
    let body = try body(Report(run.path))
    func figure(_ id: String) throws -> [String: Any] { try Report.figure(id, in: body) }
    func points(_ id: String, _ series: Int) throws -> [[Double]] {
      try #require((figure(id)["series"] as? [[String: Any]])?[series]["points"] as? [[Double]])
    }
    let steps = run.readMetrics().filter { $0.event == "step" && $0.candidate == result.lr }
    #expect(steps.count == 40)
    // 40 steps are all shown, in seven digits.
    for (series, number) in [\MetricsLine.loss, \.nll, \.regularizer].enumerated() {
      let found = try points("loss", series)
      #expect(found.map { Int($0[0]) } == Array(1...40))
      for (point, step) in zip(found, steps) {
        let value = try #require(step[keyPath: number])
        #expect(abs(point[1] - value) <= 1e-6 * abs(value) + 1e-12)
      }
    }
    #expect(try figure("confusion")["counts"] as? [[Int]] == result.test?.confusion)
    #expect(try (figure("race")["series"] as? [[String: Any]])?.count == 3)
    let pictures = body.components(separatedBy: "data:image/png;base64,").count - 1
    let counts = try #require(result.test?.confusion)
    let wrong = counts.joined().reduce(0, +) - counts.indices.map { counts[$0][$0] }.reduce(0, +)
    #expect(pictures == min(24, wrong))
  }

  @Test func whatIsMissingIsSaid() throws {
    let fixture = try Self.fixture.get()
    let half = fixture.place("half")
    try FileManager.default.copyItem(atPath: fixture.place("raced"), toPath: half)
    // Its data is elsewhere.
    let config = RunFolder(half).configuration
    let moved = try String(contentsOfFile: config, encoding: .utf8).replacingOccurrences(
      of: "classes.csv", with: "gone.csv")
    try moved.write(toFile: config, atomically: true, encoding: .utf8)
    let without = try body(Report(half))
    #expect(without.contains("The mistakes are not shown: there is no"))
    #expect(!without.contains("data:image/png"))
    var named = Report(half)
    named.data = fixture.place("classes.csv")
    #expect(try !body(named).contains("The mistakes are not shown"))
    // It is not finished; its last line is half written.
    try FileManager.default.removeItem(atPath: RunFolder(half).summary)
    try FileManager.default.removeItem(atPath: RunFolder(half).model)
    let metrics = try Data(contentsOf: URL(fileURLWithPath: RunFolder(half).metrics))
    try metrics.dropLast(9).write(to: URL(fileURLWithPath: RunFolder(half).metrics))
    let unfinished = try body(Report(half))
    #expect(unfinished.contains("<h1>Not finished:"))
    #expect(unfinished.contains(#"data-figure="loss""#))
    try FileManager.default.removeItem(atPath: RunFolder(half).metrics)
    #expect(try body(Report(half)).contains("There is no metrics.jsonl"))
    // Whether it would be read or not.
    named.data = fixture.place("nowhere.csv")
    #expect(throws: DatasetError.notFound(path: fixture.place("nowhere.csv"))) { try body(named) }
  }

  @Test func runsOfOtherKindsHavePages() throws {
    let fixture = try Self.fixture.get()
    try fixture.writeTable("values.csv", values: true)
    try fixture.run("values", data: "values.csv")
    let values = try body(Report(fixture.place("values")))
    #expect(
      values.contains("RMSE") && values.contains(#"data-figure="values""#) && values.contains("The largest errors"))
    try fixture.run("held", data: "values.csv") { options in
      (options.objective, options.alpha, options.beta) = (.map, 1e-3, 1e-2)
      (options.holdOut, options.initialSigma) = (0.4, 1e-4)
    }
    let held = try #require(try RunFolder(fixture.place("held")).readSummary().validationRegression)
    #expect(
      try body(Report(fixture.place("held"))).contains(
        "<dt>on what was held out</dt><dd>RMSE \(String(format: "%.2f", held.rmse))"))
    try fixture.run("plain", data: "classes.csv") { options in
      (options.prior, options.learningRate, options.initialSigma) = (.none, .grid, 1e-4)
    }
    let plain = try body(Report(fixture.place("plain")))
    #expect(plain.contains("maximum likelihood, without a prior") && !plain.contains("maximum a posteriori"))
    #expect(plain.contains("judged by the NLL of the training set; the lowest is taken"))
    #expect(!plain.contains("penalty") && !plain.contains(">λ</t") && !plain.contains(">α</t"))
  }

  /// Texts that the model is wrong about are shown with their lines, numbers beside the true ones.
  @Test func runsOfTextsHavePages() throws {
    let fixture = try Self.fixture.get()
    func run(_ name: String, _ column: String, _ entry: (Int) -> String) throws -> FineTuneResult {
      let rows = (0..<24).map { row in
        let text = "the \(["team", "bank"][row % 2]) said <i>\(["so", "it", "that"][row % 3])"
        return "\(text),\(entry(row)),\(row < 16 ? "train" : "test")"
      }
      try (["text,\(column),split"] + rows).joined(separator: "\n")
        .write(toFile: fixture.place("\(name).csv"), atomically: true, encoding: .utf8)
      return try fixture.run(name, data: "\(name).csv") { options in
        (options.model, options.size, options.maxTokens, options.evidenceSamples) = ("bert-tiny", nil, 16, 2)
      }
    }
    // What is tested contradicts what is trained on, so that there are mistakes.
    let result = try run("texts", "label") { ["sport", "money"][($0 % 2 + $0 / 16) % 2] }
    _ = try run("ratings", "value") { "\(10 * ($0 % 2) + $0 % 3)" }
    let counts = try #require(result.test?.confusion)
    let wrong = counts[0][1] + counts[1][0]
    #expect(wrong > 0)
    for name in ["texts", "ratings"] {
      var notes: [String] = []
      _ = try Report(fixture.place(name)).html { if case .note(let note) = $0 { notes.append(note) } }
      #expect(notes == ["predicting 8 test examples for the report"])
      let body = try body(Report(fixture.place(name)))
      for words in [
        "with 16 training texts", "<dt>texts</dt><dd>at most 16 word pieces</dd>", #"data-figure="loss""#,
      ] { #expect(body.contains(words), "\(name): \(words)") }
      #expect(!body.contains("data:image/png") && !body.contains("not shown") && !body.contains("<i>"))
      var few = Report(fixture.place(name))
      few.mistakes = 1
      #expect(try self.body(few).components(separatedBy: "\(name).csv:").count == 2)
    }
    let classes = try body(Report(fixture.place("texts")))
    #expect(
      classes.contains("On the test texts") && classes.contains("nats per text")
        && classes.contains("of 8 test texts") && classes.contains("The most confident mistakes"))
    #expect(try Report.figure("confusion", in: classes)["counts"] as? [[Int]] == counts)
    #expect(classes.components(separatedBy: "texts.csv:").count == wrong + 1)
    #expect(classes.contains("&lt;i&gt;that<small>\(fixture.place("texts.csv")):"))
    let numbers = try body(Report(fixture.place("ratings")))
    #expect(numbers.contains("RMSE") && numbers.contains("of the targets, in their own unit"))
    #expect(numbers.contains("The test texts whose predictions are the furthest off"))
    #expect(numbers.components(separatedBy: "ratings.csv:").count == 9)
    let figure = try Report.figure("values", in: numbers)
    let points = try #require((figure["series"] as? [[String: Any]])?.first?["points"] as? [[Double]])
    let truths = (16..<24).map { row -> Double in Double(10 * (row % 2) + row % 3) }
    #expect(points.map { $0[0] } == truths)
    #expect(numbers.contains("Each point is a test text"))
    // Whoever listens is not taken for what is missing.
    struct Deaf: Error {}
    #expect(throws: Deaf.self) { _ = try Report(fixture.place("texts")).html { _ in throw Deaf() } }
  }

  /// Of a point α and β are told, once each, and by what its learning rates were chosen.
  @Test func pagesOfPointsTellTheirPenalties() throws {
    let fixture = try Self.fixture.get()
    try fixture.writeTable("classes.csv")
    try fixture.run("map", data: "classes.csv") { options in
      (options.objective, options.alpha, options.beta) = (.map, 1e-3, 1e-2)
      (options.learningRate, options.holdOut, options.initialSigma) = (.grid, 0.4, 1e-4)
    }
    let map = try body(Report(fixture.place("map")))
    #expect(map.contains("out of 4 by the NLL of what was held out"))
    #expect(map.contains("judged by the NLL of what was held out; the lowest is taken"))
    #expect(map.components(separatedBy: ">α</t").count == 2 && map.components(separatedBy: ">β</t").count == 2)
    #expect(!map.contains(">λ</t") && !map.contains("learned</td>") && !map.contains(#"data-figure="scales""#))
    try fixture.run("laplace", data: "classes.csv") { options in
      (options.objective, options.learningRate, options.initialSigma) = (.laplace, .grid, 1e-4)
    }
    let laplace = try body(Report(fixture.place("laplace")))
    #expect(laplace.contains("by the Laplace evidence, log p(D); the highest is taken"))
    #expect(laplace.contains("λ and τ follow the Laplace evidence") && laplace.contains("learned</td>"))
  }

  @Test func aStudyHasEveryMethod() throws {
    let fixture = try Self.fixture.get()
    let study = fixture.place("study")
    var records = StudyFixture()
    records.unfinish()
    try records.write(to: study, run: fixture.place("raced"))
    let body = try body(Report(study))
    for label in ["DE-ELBO", "MAP, grid search", "MAP, Bayesian optimisation", "MAP, ASHA", "LA-LML", "Linear probe"] {
      #expect(body.contains(#"<th scope="row">\#(label)</th>"#), "\(label)")
    }
    for id in ["accuracy", "nll", "kappa-accuracy", "kappa-nll", "selection-elbo", "selection-de-elbo"] {
      #expect(body.contains(#"<figure data-figure="\#(id)""#), "\(id)")
    }
    #expect(body.contains(#""label":"D\/N""#) || body.contains(#""label":"D/N""#))
    #expect(body.contains("The study is not finished: trials are still to come of MAP, Bayesian optimisation. What"))
    // The grid search has its whole cost, so a finished method has a speed-up; the unfinished search has none.
    let rows = body.components(separatedBy: "<tr").filter { $0.contains(#"<th scope="row">MAP, "#) }
    #expect(rows.count == 3)
    for row in rows { #expect(row.contains("×") != row.contains("MAP, Bayesian optimisation"), "\(row)") }
    #expect(body.contains("3 trials failed") && body.contains("not finite at step 12 &lt;b&gt;"))
    // α = 1/(κNλ) and β = 1/(κNτ), with κ 3214, N 728, λ 4.1e-6 and τ 5.2e-3.
    #expect(body.contains("<td>0.104</td>") && body.contains("<td>8.22·10⁻⁵</td>"))
  }

  /// Its numbers would be wrong without the others', and `compare` refuses it, too.
  @Test func aTrialThatCannotBeReadIsTold() throws {
    let fixture = try Self.fixture.get()
    let study = fixture.place("damaged study")
    try StudyFixture().write(to: study, run: fixture.place("raced"))
    try Data("{".utf8).write(to: URL(fileURLWithPath: "\(study)/trials/map-grid-s1001-g07/trial.json"))
    #expect { try Report(study).html() } throws: {
      "\($0)".contains("map-grid-s1001-g07/trial.json: cannot be read")
        && "\($0)".contains("Remove this trial's folder")
    }
    let run = try fixture.copy(fixture.place("raced"), "damaged run", names: ["a", "b"], right: 1)
    try Data("{".utf8).write(to: URL(fileURLWithPath: "\(run)/summary.json"))
    #expect { try Report(run).html() } throws: { "\($0)".contains("summary.json: is damaged. Put a copy") }
  }

  @Test func otherFoldersAreRefused() throws {
    let fixture = try Self.fixture.get()
    for (path, found) in [
      ("nowhere", "nothing"), ("classes.csv", "a file"), ("pictures", "neither config.json nor study.json"),
    ] {
      #expect(throws: ReportError.nothingToReport(path: fixture.place(path), found: found)) {
        try Report(fixture.place(path)).html()
      }
    }
    // Told before the test images are predicted again.
    let run = try fixture.copy(fixture.place("raced"), "no place", names: ["a", "b"], right: 1)
    try FileManager.default.createDirectory(atPath: "\(run)/report.html", withIntermediateDirectories: false)
    #expect(throws: TrainingError.notWritable(path: "\(run)/report.html", reason: "it is a folder")) {
      try Report(run).write { _ in Issue.record("predicted although there is no place for the page") }
    }
  }
}

import Foundation
import Gridless
import Testing

/// `gridless report`, and `finetune --report`.
@Suite struct ReportTests {
  @Test func theCommandOnThePageMakesTheRun() throws {
    let place = try Workplace()
    try place.writeData()
    let options = [
      "--lr", "0.05", "--kappa", "12.5", "--kappa-limit", "none", "--prior", "l2-zero", "--prior-scales", "tied",
      "--samples", "2", "--antithetic", "--head-init", "uniform", "--sigma-update", "published", "--augment", "crop",
      "--draw-statistics", "mean", "--evidence-samples", "3", "--seed", "7", "--out", "a run", "--report",
    ]
    let outcome = try Command.run(Workplace.tiny("data", options), in: place.path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("note: the report is a run/report.html"))
    let page = String(decoding: try place.contents("a run/report.html"), as: UTF8.self)
    let command = try #require(page.firstMatch(of: /<pre><code>gridless (.*)<\/code><\/pre>/)?.1)
    // As a shell would read it.
    let words = command.replacing("&#39;", with: "'").matches(of: /'([^']*)'|[^ ]+/).map { String($0.1 ?? $0.0) }
    let again = try Command.run(words, in: place.path)
    #expect(again.output.hasPrefix("a run: finished already, with these arguments"), "\(words)\n\(again.errors)")
  }

  @Test func whereItIsWritten() throws {
    let place = try Workplace()
    try place.writeData()
    #expect(try place.finetune().status == 0)
    let plain = try place.gridless("report", "run", "--pictures", "0")
    #expect(plain.status == 0 && plain.output == "report  run/report.html\n", "\(plain.errors)")
    let named = try place.gridless("report", "run", "--out", "page.html", "--json", "--quiet")
    #expect(named.errors.isEmpty)
    #expect(try named.result()["report"] as? String == "page.html")
    let page = String(decoding: try place.contents("page.html"), as: UTF8.self)
    #expect(page.hasPrefix("<!doctype html>") && page.contains("bleu été"))
    // The run can go on being used.
    #expect(try place.finetune().output.contains("finished already"))
  }

  @Test func wrongUse() throws {
    let place = try Workplace()
    let missing = try place.gridless("report", "nowhere")
    #expect(missing.status == 1)
    #expect(missing.errors.contains("nowhere: found nothing; expected a run's folder"))
    #expect(try place.gridless("report", "run", "--pictures", "-1").status == 64)
    #expect(try place.gridless("report").status == 64)
  }
}

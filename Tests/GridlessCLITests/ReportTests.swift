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
    let plain = try place.gridless("report", "run", "--mistakes", "0")
    #expect(plain.status == 0 && plain.output == "report  run/report.html\n", "\(plain.errors)")
    let named = try place.gridless("report", "run", "--out", "page.html", "--json", "--quiet")
    #expect(named.errors.isEmpty)
    #expect(try named.result()["report"] as? String == "page.html")
    let page = String(decoding: try place.contents("page.html"), as: UTF8.self)
    #expect(page.hasPrefix("<!doctype html>") && page.contains("bleu été"))
    // The run can go on being used.
    #expect(try place.finetune().output.contains("finished already"))
  }

  /// A file that is named and there is replaced on request only, and what is no file never is.
  @Test func nothingIsReplacedUnasked() throws {
    let place = try Workplace()
    try place.writeData()
    #expect(try place.finetune().status == 0)
    let model = try place.contents("run/model.safetensors")
    let refused = try place.gridless("report", "run", "--out", "run/model.safetensors", "--mistakes", "0")
    #expect(
      refused.status == 1 && refused.errors.contains("run/model.safetensors: is there already"), "\(refused.errors)")
    #expect(try place.contents("run/model.safetensors") == model)
    try place.write("page.html", Data("mine".utf8))
    let asked = try place.gridless("report", "run", "--out", "page.html", "--overwrite", "--mistakes", "0")
    #expect(asked.status == 0, "\(asked.errors)")
    #expect(try place.contents("page.html").count > 1000)
    #expect(mkfifo(place.absolute("pipe"), 0o600) == 0)
    for arguments in [["report", "run", "--out", "pipe", "--mistakes", "0"], ["export", "run", "pipe"]] {
      let outcome = try Command.run(arguments + ["--overwrite"], in: place.path)
      #expect(outcome.status == 1 && outcome.errors.contains("pipe: cannot be written (it is not a regular file)"))
    }
  }

  /// A configuration that cannot be read is named, with what to do.
  @Test func aDamagedConfigurationIsNamed() throws {
    let place = try Workplace()
    try place.writeData()
    #expect(try place.finetune().status == 0)
    try place.write("run/config.json", Data("{".utf8))
    let outcome = try place.gridless("report", "run")
    #expect(outcome.status == 1 && outcome.errors.contains("run/config.json: is damaged"), "\(outcome.errors)")
  }

  @Test func wrongUse() throws {
    let place = try Workplace()
    let missing = try place.gridless("report", "nowhere")
    #expect(missing.status == 1)
    #expect(missing.errors.contains("nowhere: found nothing; expected a run's folder"))
    #expect(try place.gridless("report", "run", "--mistakes", "-1").status == 64)
    #expect(try place.gridless("report").status == 64)
  }
}

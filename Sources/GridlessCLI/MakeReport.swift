import ArgumentParser
import Gridless

/// `gridless report`.
struct MakeReport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Write a page about a run or a study that opens offline.",
    discussion: """
      FOLDER is what finetune or compare was given as --out. The page is one HTML file: curves, metrics, and of a run the \
      most confident mistakes, for which its test examples are predicted again.
      """)

  @Argument(help: ArgumentHelp("The run's or the study's folder.", valueName: "folder"))
  var folder: String

  @Option(help: ArgumentHelp("The page to write (default: report.html in the folder).", valueName: "file"))
  var out: String?

  @Flag(help: "Replace the file of --out if it is there.")
  var overwrite = false

  @Option(help: "Where the run's data lies now (default: where it was).")
  var data: String?

  @Option(parsing: .unconditional, help: "Show at most this many mistakes; 0: the data is not read.")
  var mistakes = 24

  @OptionGroup var compute: ComputeOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if mistakes < 0 { throw ValidationError("--mistakes \(mistakes): expected 0 or more.") }
    if out?.isEmpty == true { throw ValidationError("--out is empty: name the page to write.") }
  }

  func run() throws {
    var report = Report(folder)
    (report.data, report.mistakes, report.overwrite) = (data, mistakes, overwrite)
    (report.device, report.threads) = (compute.device, compute.threads)
    let progress = ProgressPrinter(output)
    defer { progress.finish() }
    let path = try report.write(to: out) { try progress.print($0) }
    progress.finish()
    print(output.json ? try JSON.line(Written(report: path)) : "report  \(path)")
  }

  private struct Written: Encodable {
    var event = "report"
    var report: String
  }
}

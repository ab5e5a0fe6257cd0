import ArgumentParser
import Foundation
import Gridless

/// `gridless fetch`.
struct Fetch: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Fetch official checkpoints and data sets by name.",
    usage: "gridless fetch <name> ... [<options>]",
    discussion: """
      Checkpoints go to torch hub's cache, where PyTorch finds them, too; finetune, compare and prior fetch a network's \
      own where --weights is left out, and any that --weights names. Data sets go to a folder, as they are published; \
      finetune reads them. Checksums are compared. If it is interrupted, the same command goes on with it.
      """)

  @Argument(help: "What to fetch; --list tells what there is.")
  var names: [String] = []

  @Flag(help: "List what can be fetched, and whether it is there.")
  var list = false

  @Option(help: ArgumentHelp("The data set's folder to make (default: data/<name>).", valueName: "folder"))
  var out: String?

  @Option(
    help: ArgumentHelp(
      "Fetch from this server, whose paths are the origins' (default: \(Fetcher.mirrorVariable), if it is set).",
      valueName: "url"))
  var mirror: String?

  @OptionGroup var output: OutputOptions

  func validate() throws {
    let assets = try asUsage { try self.assets() }
    _ = try asUsage { try Fetcher(mirror: mirror) }
    guard list == names.isEmpty else {
      throw ValidationError(list ? "--list and names: pass one of them." : "nothing to fetch: name it, or pass --list.")
    }
    guard let out else { return }
    if out.isEmpty { throw ValidationError("--out is empty: name the data set's folder to make.") }
    if assets.count != 1 {
      throw ValidationError("--out \(out): is the folder of one data set. Fetch them one by one.")
    }
    if assets.contains(where: { !$0.isDataset }) {
      throw ValidationError(
        "--out \(out): a checkpoint goes to torch hub's cache. Leave it out, or set TORCH_HOME to have that elsewhere.")
    }
  }

  /// What is named.
  private func assets() throws -> [Asset] {
    let catalog = try Catalog()
    return try names.map { try catalog.asset(named: $0) }
  }

  func run() throws {
    let fetcher = try Fetcher(mirror: mirror)
    if list { return try printList(fetcher) }
    _ = Signals(leaving: "interrupted; what has come is kept, as .part", again: "To go on") { _ in }
    let progress = ProgressPrinter(output)
    for asset in try assets() {
      let fetched = try fetcher.fetch(asset, to: out, showing: progress)
      print(
        output.json
          ? try JSON.line(EventLine(event: "fetched", content: fetched))
          : "\(fetched.name): \(fetched.path)\(fetched.wasThere ? ", there already" : "")")
    }
  }

  private func printList(_ fetcher: Fetcher) throws {
    let entries = try Catalog().assets.map { Entry($0, place: fetcher.place(of: $0)) }
    if output.json {
      for entry in entries { print(try JSON.line(EventLine(event: "asset", content: entry))) }
      return
    }
    print(
      table(
        [["name", "size", "there", "what", "terms"]]
          + entries.map { [$0.name, megabytes($0.bytes), $0.isThere ? "yes" : "no", $0.title, $0.terms] }))
  }

  private struct Entry: Encodable {
    var name: String
    var title: String
    var terms: String
    var bytes: Int
    var path: String
    var isThere: Bool
    var files: [RemoteFile]

    init(_ asset: Asset, place: String) {
      (name, title, terms, bytes, files) = (asset.name, asset.title, asset.terms, asset.bytes, asset.files)
      (path, isThere) = (place, FileManager.default.fileExists(atPath: place))
    }
  }
}

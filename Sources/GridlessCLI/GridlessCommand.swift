import ArgumentParser
import Foundation
import Gridless
import Support

/// Standard output could not be written.
private struct OutputError: Error, CustomStringConvertible {
  let reason: String
  var description: String {
    "standard output: cannot be written (\(reason)), so what was to be printed is lost or cut short. Let it go elsewhere, or "
      + "free space where it goes."
  }
}

/// The command `gridless`: each subcommand is a file of its own.
@main struct GridlessCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gridless",
    abstract: "Fine-tune a pretrained network on your own small data set, without the grid search.",
    discussion: """
      Gridless learns how strongly to regularise while it trains, on all of the training data: no validation split, no \
      weight decay to choose. `gridless models` lists the networks, `gridless fetch --list` what can be fetched by name, \
      and `gridless doctor` looks at this machine.
      """,
    version: gridlessVersion,
    subcommands: [
      Finetune.self, Compare.self, Evaluate.self, Predict.self, MakePrior.self, MakeVocabulary.self, MakeReport.self,
      Export.self, Convert.self, Fetch.self, Models.self, Doctor.self,
    ])

  /// Runs the subcommand that the arguments name.
  ///
  /// Wrong usage that is told only once it runs, such as an option that does not suit the data, ends as what is told
  /// before: with that subcommand's usage and exit code 64.
  static func main() {
    do {
      var command = try parseAsRoot(expandingTildes(Array(CommandLine.arguments.dropFirst())))
      do {
        try command.run()
        // `print` tells of no error.
        if fflush(nil) != 0 {
          // Whoever read it has seen enough, as `head` has.
          if errno == EPIPE { throw ExitCode(128 + SIGPIPE) }
          throw OutputError(reason: systemMessage())
        }
      } catch let error as ValidationError {
        let subcommand = type(of: command)
        let help = "\(configuration.commandName ?? "") \(subcommand._commandName) --help"
        let usage = usageString(for: subcommand).replacingOccurrences(of: "\n", with: "\n       ")
        let text = "Error: \(error.message)\nUsage: \(usage)\n  See '\(help)' for more information.\n"
        try FileHandle.standardError.write(contentsOf: Data(text.utf8))
        throw ExitCode.validationFailure
      }
    } catch {
      exit(withError: error)
    }
  }
}

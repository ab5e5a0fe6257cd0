import ArgumentParser
import Gridless

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
}

import ArgumentParser

/// The command `gridless-bench`, which `make bench` runs: each subcommand is a file of its own.
@main struct GridlessBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gridless-bench",
    abstract: "Measure Gridless, and the training step of plain PyTorch beside it.",
    subcommands: [Steps.self, Profile.self, Decoding.self, Startup.self, GPU.self, Worker.self],
    defaultSubcommand: Steps.self)
}

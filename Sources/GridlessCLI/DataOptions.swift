import ArgumentParser
import Gridless

/// Which examples of a data set are trained on, and what is done to them.
struct DataOptions: ParsableArguments {
  @Option(parsing: .unconditional, help: "The side of the image crop in pixels (default: the network's own).")
  var size: Int?

  @Option(help: "How images become square: square resizes both sides, shortest keeps the aspect and crops.")
  var resize = Preprocessing.Resize.square

  @Option(help: "What is done to training images at random.")
  var augment = Augmentation.Kind.cropAndFlip

  @Option(parsing: .unconditional, help: "Examples per step (default: min(128, N), of texts min(32, N)).")
  var batchSize: Int?

  @Option(parsing: .unconditional, help: "Train on a stratified subset of this many examples.")
  var n: Int?

  @Option(help: "Splits to train on, separated by commas.")
  var trainSplits = "train"

  @Option(help: "Keep only these classes, separated by commas; a name with a comma in double quotes.")
  var classes: String?

  @Flag(help: "Leave out images that cannot be decoded.")
  var skipUnreadable = false

  /// The names in `classes`.
  var classList: [String]? {
    get throws {
      try classes.map { list in
        guard let names = try? names(inList: list) else {
          throw ValidationError("--classes \(list): a quote is never closed. Close it, or double it.")
        }
        return names
      }
    }
  }
}

/// The seed of a single run.
struct SeedOption: ParsableArguments {
  @Option(parsing: .unconditional, help: "The seed of everything random.")
  var seed: UInt64 = 0
}

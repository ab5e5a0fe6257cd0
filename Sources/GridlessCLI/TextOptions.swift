import ArgumentParser
import Gridless

/// How texts become numbers.
struct TextOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The word pieces of a network of texts, one a line (default: vocab.txt beside the weights, or with --weights none one "
        + "that is made from the training texts).",
      valueName: "file"))
  var vocab: String?

  @Option(
    parsing: .unconditional,
    help: "Cut texts to this many word pieces (default: as many as the network has positions for).")
  var maxTokens: Int?

  /// Puts them where the library looks for them.
  func apply(to options: inout FineTuneOptions) {
    options.vocabulary = vocab
    options.maxTokens = maxTokens
  }
}

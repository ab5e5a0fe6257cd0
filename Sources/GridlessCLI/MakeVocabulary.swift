import ArgumentParser
import Foundation
import Gridless

/// `gridless vocabulary`.
struct MakeVocabulary: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vocabulary",
    abstract: "Make the word pieces of a network of texts from a data set's training texts.",
    discussion: """
      The file has one word piece a line, as the vocab.txt of Hugging Face's models: special tokens, characters, then the \
      most frequent pairs of pieces, joined one after the other. finetune --weights none makes such a vocabulary itself.
      """)

  @Argument(help: "The data, in any form of texts that finetune takes.")
  var data: String

  @Option(help: ArgumentHelp("The vocabulary to write.", valueName: "file"))
  var out: String

  @Option(parsing: .unconditional, help: "The most word pieces.")
  var size = VocabularyTrainer.defaultSize

  @Option(help: "Splits whose texts are counted, separated by commas.")
  var trainSplits = "train"

  @Flag(help: "Replace a file that is there.")
  var overwrite = false

  func validate() throws {
    if size < 10 { throw ValidationError("--size \(size): expected at least 10.") }
    if out.isEmpty { throw ValidationError("--out is empty: name the vocabulary to write.") }
    _ = try asUsage { try Split.list(trainSplits) }
  }

  func run() throws { try asUsage { try make() } }

  private func make() throws {
    try OutputFile.check(out, overwrite: overwrite)
    let dataset = try Dataset.open(data, options: Dataset.Options(trainSplits: try Split.list(trainSplits)))
    guard dataset.holdsTexts else {
      throw TrainingError.invalidOption("\(data): holds images, and a vocabulary is made from texts.")
    }
    var trainer = VocabularyTrainer(size: size)
    let texts = (dataset.splits[.train] ?? []).compactMap(\.source.text)
    for text in texts { trainer.add(text) }
    let vocabulary = try trainer.vocabulary(name: out)
    try AtomicFile.write(vocabulary.file, to: out)
    print("\(out): \(vocabulary.tokens.count) word pieces of \(texts.count) texts")
  }
}

import ArgumentParser
import Gridless

/// `gridless convert`.
struct Convert: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Store weights under torchvision's, timm's or Hugging Face's names.",
    usage: "gridless convert <input> <output> --model <model> --to <library> [<options>]",
    discussion: """
      INPUT is what finetune takes as --weights: safetensors, a state dict of torch.save, an index of shards or a folder, \
      under any library's names, also inside a checkpoint with an optimizer. OUTPUT is one safetensors file. Tensors keep \
      their types and bits; metadata is kept.
      """)

  @Argument(help: "The weights.")
  var input: String

  @Argument(help: "The safetensors file to write.")
  var output: String

  @Option(help: "The network; `gridless models` lists them.")
  var model: String

  @Option(help: "Whose names to give the tensors.")
  var to: Naming

  @Flag(help: "Replace the output if it is there.")
  var overwrite = false

  @OptionGroup var options: OutputOptions

  func validate() throws { _ = try asUsage { try Backbone.named(model) } }

  func run() throws {
    let progress = ProgressPrinter(options)
    defer { progress.finish() }
    var conversion = WeightConversion(input: input, output: output, model: model, naming: to)
    conversion.overwrite = overwrite
    let result = try asUsage { try conversion.run { try progress.print(FineTuneEvent.note($0)) } }
    progress.finish()
    print(options.json ? try JSON.line(result) : summary(of: result))
  }

  private func summary(of result: WeightConversion.Result) -> String {
    table([
      ["model", result.model],
      ["names", result.from == result.to ? result.to : "\(result.from) → \(result.to)"],
      ["tensors", "\(result.tensors)" + (result.classes.map { ", a head of \($0) classes" } ?? ", no head")],
      ["output", result.output],
    ])
  }
}

extension Naming: ExpressibleByArgument {}

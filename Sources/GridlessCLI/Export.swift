import ArgumentParser
import Gridless

/// `gridless export`.
struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a run's network as an ONNX model.",
    usage: "gridless export <run> <output> [<options>]",
    discussion: """
      The network is the posterior mean in evaluation mode. Of images its input is pixel_values, float32 \
      [batch, 3, size, size], normalised as the run's images were; of texts input_ids and attention_mask, int64 \
      [batch, tokens], as Hugging Face's tokenizers give them with the run's vocab.txt. Its output are logits, or for \
      a regression values in their own unit. The classes, the preprocessing and what was learned are in the model's \
      metadata.
      """)

  @Argument(help: ArgumentHelp("The folder of a finished run.", valueName: "run"))
  var folder: String

  @Argument(help: "The ONNX file to write.")
  var output: String

  @Flag(help: "Replace the output if it is there.")
  var overwrite = false

  @OptionGroup var options: OutputOptions

  func run() throws {
    var export = ModelExport(run: RunFolder(folder), output: output)
    export.overwrite = overwrite
    let result = try asUsage { try export.write() }
    print(options.json ? try JSON.line(result) : summary(of: result))
  }

  private func summary(of result: ModelExport.Result) -> String {
    func rows(_ title: String, _ ports: [ModelExport.Result.Port]) -> [[String]] {
      ports.map { [title, "\($0.name) [\($0.shape.joined(separator: ", "))]"] }
    }
    return table(
      [["model", result.model]] + rows("input", result.inputs) + rows("output", result.outputs) + [
        ["opset", "\(result.opset)"], ["file", result.output],
      ])
  }
}

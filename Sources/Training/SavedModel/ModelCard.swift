import Backbones
import Datasets
import Foundation
import Weights

/// A run's `README.md`: what the model is, how good, what was learned, and the command that makes it again.
///
/// Its header is YAML as the Hugging Face Hub reads it (the specification of model cards: `modelcard.md`).
struct ModelCard {
  let result: FineTuneResult
  let configuration: FineTuneConfiguration
  let classes: [String]
  let preparation: InputPreparation
  let naming: Naming
  /// The ε of the normalisation layers, where it is not as usual for the network.
  let eps: Double?

  /// Writes the card into a run's folder.
  ///
  /// Throws `AtomicFileError`.
  func write(to run: RunFolder) throws { try AtomicFile.write(Data(text.utf8), to: run.card) }

  /// The card, in Markdown.
  var text: String {
    ([header, "# \(name)", summary] + [metrics, training, input, outputs, use, command].compactMap(\.self))
      .joined(separator: "\n\n") + "\n"
  }

  private var name: String { "\(result.model) on \(dataName)" }
  private var dataName: String { URL(fileURLWithPath: configuration.data).lastPathComponent }
  private var readsTexts: Bool { preparation.tokenizer != nil }
  private var isRegression: Bool { result.likelihood == "gaussian" }

  /// The metrics by their names on the Hub, in the order of the tables.
  private var values: [(type: String, name: String, value: Double)] {
    if let test = result.test {
      var values = [
        ("accuracy", "accuracy", test.accuracy), ("balanced_accuracy", "balanced accuracy", test.balancedAccuracy),
        ("nll", "negative log likelihood, nats", test.nll), ("ece", "expected calibration error", test.ece),
      ]
      if let brier = test.brier { values.append(("brier_score", "Brier score", brier)) }
      return values
    }
    guard let test = result.testRegression else { return [] }
    var values = [
      ("rmse", "root mean squared error", test.rmse), ("mae", "mean absolute error", test.mae),
      ("nll", "negative log likelihood, nats", test.nll),
    ]
    if let r2 = test.r2 { values.append(("r_squared", "R²", r2)) }
    return values
  }

  private var header: String {
    // A regression has no task of its own on the Hub.
    let task = isRegression ? nil : readsTexts ? "text-classification" : "image-classification"
    var lines = ["---", "library_name: pytorch"]
    if let task { lines.append("pipeline_tag: \(task)") }
    lines += ["tags:", "- gridless", "- \(quoted(result.model))"]
    if !values.isEmpty {
      lines += ["metrics:"] + values.map { "- \($0.type)" }
      lines += [
        "model-index:", "- name: \(quoted(name))", "  results:", "  - task:",
        "      type: \(task ?? "other")", "    dataset:", "      name: \(quoted(dataName))",
        "      type: \(quoted(dataName))", "      split: test", "    metrics:",
      ]
      for value in values {
        lines += ["    - type: \(value.type)", "      name: \(quoted(value.name))", "      value: \(value.value)"]
      }
    }
    return (lines + ["---"]).joined(separator: "\n")
  }

  private var summary: String {
    let start =
      configuration.weights == "none"
      ? "trained from scratch" : "fine-tuned from `\((configuration.weights as NSString).lastPathComponent)`"
    let task =
      isRegression
      ? "to predict a number" : "to tell \(classes.count) classes of \(readsTexts ? "texts" : "images") apart"
    let part = (configuration.train ?? .all) == .all ? "" : " (`--train \(configuration.train ?? .all)`)"
    return "A `\(result.model)`, \(start)\(part) \(task), by Gridless: \(origin)"
  }

  private var origin: String {
    switch configuration.objective ?? .deELBO {
    case .deELBO where !configuration.hasPosterior:
      "by maximum likelihood, without a prior."
    case .deELBO:
      "the strengths of its regularization were learned on the training data, by a data-emphasized variational "
        + "objective. `model.safetensors` holds the posterior's mean."
    case .map: "by maximum a posteriori, with the penalties given."
    case .laplace: "the strengths of its regularization were learned by the Laplace evidence."
    }
  }

  private var metrics: String? {
    guard !values.isEmpty else { return nil }
    return "## Metrics\n\nOn the test split\(configuration.hasPosterior ? ", at the posterior's mean" : "").\n\n"
      + table([["metric", "value"]] + values.map { [$0.name, Self.number($0.value)] })
  }

  private var training: String {
    var rows = [["", "value"], ["N, training examples", "\(result.n)"], ["D, trained parameters", "\(result.d)"]]
    func add(_ name: String, _ value: Double?) {
      if let value { rows.append([name, Self.number(value)]) }
    }
    if configuration.hasPosterior {
      add("κ, the data's weight", result.kappa)
      add("σ, the posterior's standard deviation", result.sigma)
    }
    add("λ, the variance of the backbone's prior", result.lambda)
    add("τ, the variance of the head's prior", result.tau)
    add("α, the backbone's weight decay", result.alpha)
    add("β, the head's weight decay", result.beta)
    add("standard deviation of the noise", result.noise)
    add("learning rate", result.lr)
    rows += [["optimisation steps", "\(result.steps)"], ["examples per step", "\(configuration.batchSize)"]]
    return "## Training\n\n" + table(rows)
  }

  private var input: String {
    switch preparation {
    case .images(let p):
      let order = p.channelOrder == .rgb ? "RGB" : "BGR"
      let resize =
        p.resize == .square
        ? "resized to \(p.resizeSize) × \(p.resizeSize) pixels"
        : "resized to \(p.resizeSize) pixels on the shorter side"
      func list(_ values: [Double]) -> String { values.map(Self.number).joined(separator: ", ") }
      return
        "## Input\n\nImages, \(resize) (bilinear, antialiased), the middle \(p.size) × \(p.size) of them, in \(order). "
        + "Each channel is (pixel / \(Self.number(p.scale)) − mean) / std, with mean (\(list(p.mean))) and std "
        + "(\(list(p.std)))."
    case .texts(let tokenizer):
      return
        "## Input\n\nTexts as word pieces of `vocab.txt` (BERT's uncased tokenizer), at most \(tokenizer.maxTokens) "
        + "with [CLS] and [SEP]."
    }
  }

  private var outputs: String? {
    guard !isRegression else { return nil }
    return "## Classes\n\nIn the order of the logits: " + classes.map { "`\($0)`" }.joined(separator: ", ") + "."
  }

  private var use: String {
    """
    ## Use

    ```sh
    gridless predict \(ShellCommand.text([result.run])) FILES…
    gridless export \(ShellCommand.text([result.run])) model.onnx
    ```

    The tensors of `model.safetensors` have the names of \(naming.title): its model of this kind, or one that names its layers
    alike, loads them with `strict=True`.
    """
      + (eps.map {
        "\nIts normalisation layers must have ε = \($0), which is no tensor: it is `norm_eps` in the metadata."
      } ?? "")
  }

  private var command: String {
    "## Command\n\n```sh\n\(ReproducingCommand(configuration, out: result.run).text)\n```"
  }

  private func table(_ rows: [[String]]) -> String {
    let lines = rows.map { "| \($0.joined(separator: " | ")) |" }
    return ([lines[0], "|---|---|"] + lines.dropFirst()).joined(separator: "\n")
  }

  private static func number(_ value: Double) -> String { String(format: "%.4g", value) }

  /// A JSON string is a YAML string.
  private func quoted(_ text: String) -> String { (try? JSON.line(text)) ?? "\"\"" }
}

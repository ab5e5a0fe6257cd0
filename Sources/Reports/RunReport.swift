import Foundation
import Training

/// A run's page.
struct RunReport {
  let content: RunContent
  /// The predictions made again, nil where they could not be.
  var predictions: TestPredictions?
  /// Why there are none.
  var missingPredictions: String?

  private var configuration: FineTuneConfiguration { content.configuration }
  private var result: FineTuneResult? { content.result }

  /// The page.
  func page() -> Page {
    var page = Page(kicker: kicker, title: title, lead: lead)
    page.tiles = tiles
    page.notes = notes
    page.sections = [test, mistakes, training, learned, summary]
    return page
  }

  private var kicker: String {
    "Gridless run · \(configuration.model) · \((configuration.data as NSString).lastPathComponent)"
  }

  /// The result in words.
  private var title: String {
    guard let result else {
      let done = content.steps(of: content.learningRate).last?.step ?? 0
      return "Not finished: \(Wording.count(done)) of \(Wording.count(configuration.steps, "step")) done"
    }
    if let test = result.test {
      return
        "\(Wording.percent(test.balancedAccuracy)) balanced accuracy with \(Wording.count(result.n, "training \(kind)"))"
    }
    if let test = result.testRegression {
      let explained = test.r2.map { ", R²\u{00A0}\(Wording.fixed($0))" } ?? ""
      return
        "Off by \(Wording.short(test.mae)) on average\(explained), with \(Wording.count(result.n, "training \(kind)"))"
    }
    return "Trained on \(Wording.count(result.n, kind)); there is no test split"
  }

  private var lead: String {
    let how =
      switch content.kind {
      case _ where content.isMaximumLikelihood: "It was trained by maximum likelihood, without a prior."
      case .map: "It was trained by maximum a posteriori, with fixed regularisation."
      case .laplace: "Its regularisation was chosen by the Laplace evidence, on the training \(kind)s."
      case .deELBO:
        "Its regularisation was learned on the training \(kind)s: no validation split, no grid of weight decays."
      }
    guard let result else {
      return
        "What has been measured so far is below. Give the run's finetune command again, and it goes on where it stopped."
    }
    let rates = configuration.learningRates.count
    let race =
      rates > 1
      ? " The learning rate, \(result.lr), was \(configuration.race == true ? "raced" : "chosen") out of \(rates) by \(content.rateScore.name)."
      : ""
    return how + race + " It took \(Wording.duration(result.seconds))."
  }

  private var tiles: [(name: String, value: String, note: String)] {
    guard let result else { return [] }
    var tiles: [(name: String, value: String, note: String)] = []
    if let test = result.test {
      let images = test.confusion.map { $0.joined().reduce(0, +) }
      tiles += [
        ("balanced accuracy", Wording.percent(test.balancedAccuracy), "the mean over classes"),
        ("accuracy", Wording.percent(test.accuracy), images.map { "of \(Wording.count($0, "test \(kind)"))" } ?? ""),
        ("test NLL", Wording.fixed(test.nll), "nats per \(kind)"),
        ("calibration error", Wording.fixed(test.ece), "ECE, 15 bins"),
      ]
    } else if let test = result.testRegression {
      tiles += [
        ("RMSE", Wording.short(test.rmse), "in the values' unit"), ("MAE", Wording.short(test.mae), ""),
        ("R²", test.r2.map { Wording.fixed($0) } ?? "–", "1 is perfect"), ("test NLL", Wording.fixed(test.nll), "nats"),
      ]
    }
    tiles.append(("time", Wording.duration(result.seconds), "start to saved model"))
    return tiles
  }

  private var notes: [String] {
    var notes: [String] = []
    if result == nil { notes.append("The run is not finished: there are no test metrics and no model yet.") }
    if let result, result.test == nil, result.testRegression == nil {
      notes.append("The data has no test split, so there are no test metrics.")
    }
    if let test = result?.test, test.confusion == nil {
      notes.append("The run is of an older version, which kept neither the confusion matrix nor the reliability curve.")
    }
    if content.lines.isEmpty { notes.append("There is no metrics.jsonl, or nothing in it: the curves are missing.") }
    if let missingPredictions { notes.append(missingPredictions) }
    if let predictions, let counts = result?.test?.confusion {
      let (all, right) = (counts.joined().reduce(0, +), counts.indices.map { counts[$0][$0] }.reduce(0, +))
      if predictions.count != all || predictions.wrong.map({ all - $0 != right }) == true {
        notes.append(
          "The mistakes are of a test split of \(Wording.count(predictions.count, kind)) with \(Wording.count(predictions.wrong ?? 0, "mistake")); the run was tested on \(Wording.count(all)) with \(Wording.count(all - right)). The data may have changed since."
        )
      }
    }
    return notes
  }

  // MARK: Sections

  private var test: Page.Section {
    var section = Page.Section(title: "On the test \(kind)s")
    if let metrics = result?.test {
      let figures = TestFigures(metrics: metrics)
      let matrix = figures.confusion
      section.figures = [figures.reliability, matrix, figures.perClass].compactMap { $0 }
      // A wide one would leave the place beside the first figure empty.
      if matrix?.isWide == true { section.figures = [figures.reliability, figures.perClass, matrix].compactMap { $0 } }
      if let table = figures.mistakes { section.beside = [table.html] }
    }
    if let scatter = predictions?.scatter(of: kind) { section.figures.append(scatter) }
    return section
  }

  private var mistakes: Page.Section {
    guard let predictions, let mistakes = predictions.mistakes else { return Page.Section(title: "") }
    let isClasses = predictions.wrong != nil
    return Page.Section(
      title: isClasses ? "The most confident mistakes" : "The largest errors",
      text: isClasses
        ? "\(Wording.count(predictions.wrong ?? 0)) of \(Wording.count(predictions.count, "test \(kind)")) are wrong; these were the surest of them. They are where to look for wrong labels and for what the network cannot see."
        : "The test \(kind)s whose predictions are the furthest off.",
      content: [mistakes])
  }

  private var training: Page.Section {
    let figures = RunFigures(content: content)
    return Page.Section(
      title: "Training", figures: [figures.loss, figures.scales, figures.race, figures.candidates].compactMap { $0 })
  }

  private var learned: Page.Section {
    guard let result else { return Page.Section(title: "") }
    var rows: [[Table.Cell]] = []
    func row(_ name: String, _ value: Double?, _ note: String, given: Double? = nil) {
      guard let value else { return }
      rows.append([.init(name), .init(Wording.short(value)), .init(given == nil ? "learned" : "given"), .init(note)])
    }
    if content.hasPosterior {
      let weight = result.kappa * Double(result.n)
      row(
        "λ", result.lambda, result.lambda.map { "α = 1/(κNλ) = \(Wording.short(1 / (weight * $0)))" } ?? "",
        given: configuration.lambda)
      row(
        "τ", result.tau, result.tau.map { "β = 1/(κNτ) = \(Wording.short(1 / (weight * $0)))" } ?? "",
        given: configuration.priorScales == .tied ? configuration.lambda : configuration.tau)
    } else if !content.isMaximumLikelihood {
      row("α", result.alpha, "the penalty's weight on the backbone", given: configuration.alpha)
      row("β", result.beta, "the penalty's weight on the head", given: configuration.beta)
    }
    if result.sigma > 0 { row("σ", result.sigma, "the posterior's standard deviation", given: configuration.sigma) }
    row("noise", result.noise, "of the targets, in their own unit", given: configuration.noise)
    guard !rows.isEmpty else { return Page.Section(title: "") }
    return Page.Section(
      title: content.isMaximumLikelihood ? "The likelihood" : "Regularisation",
      text: content.hasPosterior
        ? "What a grid search would look for is α and β, the weights of an L2 penalty in a loss that is the mean NLL; the values that correspond to λ and τ are beside them."
        : content.isMaximumLikelihood ? "" : "α and β are the weights of an L2 penalty in a loss that is the mean NLL.",
      content: [
        Table(caption: "What was learned or given", head: ["", "value", "", "meaning"], rows: rows, words: 4).html
      ])
  }

  /// What an example is called.
  private var kind: String { configuration.maxTokens == nil ? "image" : "text" }

  /// How examples were made the network's input.
  private var inputs: (String, String) {
    if let most = configuration.maxTokens { return ("texts", "at most \(Wording.count(most, "word piece"))") }
    let side = configuration.size.map { "\($0) × \($0) pixels, " } ?? ""
    return ("image size", "\(side)augmentation \(configuration.augmentation.rawValue)")
  }

  /// The metrics of what was held out of training.
  private var heldOut: String? {
    if let held = result?.validation {
      return "balanced accuracy \(Wording.percent(held.balancedAccuracy)), NLL \(Wording.fixed(held.nll))"
    }
    return result?.validationRegression.map { held in
      let explained = held.r2.map { "R² \(Wording.fixed($0)), " } ?? ""
      return "RMSE \(Wording.short(held.rmse)), \(explained)NLL \(Wording.fixed(held.nll))"
    }
  }

  private var summary: Page.Section {
    let command = ReproducingCommand(configuration, out: content.folder.path)
    var facts: [(String, String)] = [
      ("model", configuration.model), ("pretrained weights", configuration.weights), ("data", configuration.data),
      ("objective", content.objective),
      ("steps", "\(Wording.count(configuration.steps)) of \(Wording.count(configuration.batchSize, kind))"),
      inputs,
      ("seed", "\(configuration.seed)"),
      (
        "computed on",
        "\(configuration.device), \(Wording.count(configuration.threads, "thread")), \(configuration.precision.rawValue)"
      ),
    ]
    if let result {
      facts.insert(
        contentsOf: [
          ("N", Wording.count(result.n, "training \(kind)")), ("D", Wording.count(result.d, "trained parameter")),
          ("κ", "\(Wording.short(result.kappa)) (D/N is \(Wording.short(Double(result.d) / Double(result.n))))"),
        ], at: 3)
    }
    if let heldOut {
      facts.append(("on what was held out", heldOut))
    }
    let list = facts.map { name, value -> HTML in "<dt>\(name)</dt><dd>\(value)</dd>" }
    return Page.Section(
      title: "The run",
      content: [
        #"<dl class="facts">\#(list)</dl>"#,
        "<h3>The command that makes it again</h3>\n<pre><code>\(command.text)</code></pre>",
      ])
  }
}

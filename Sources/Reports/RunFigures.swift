import Training

/// The figures of a run's training.
struct RunFigures {
  let content: RunContent

  private var steps: [MetricsLine] { content.steps(of: content.learningRate) }

  private func meanOf(_ window: Int) -> String {
    window == 1 ? "Each point is a step." : "Each point is the mean of \(window) steps."
  }

  /// The loss, and its two terms apart.
  var loss: Figure? {
    let steps = steps
    guard !steps.isEmpty else { return nil }
    let window = RunContent.window(steps.count)
    // Without a prior the loss has one term.
    let terms: [(String, (MetricsLine) -> Double?)] =
      content.isMaximumLikelihood
      ? [("loss, the mean NLL", { $0.loss })]
      : [("loss", { $0.loss }), ("mean NLL", { $0.nll }), (content.regularizerName, { $0.regularizer })]
    let series = terms.map { name, number in
      Figure.Series(name: name, points: RunContent.means(steps, over: window, number))
    }
    return .lines(
      "loss", terms.count > 1 ? "The loss and its two terms" : "The loss",
      caption: "On training batches. "
        + (terms.count > 1 ? "What fits the data, and what keeps the weights near the prior. " : "") + meanOf(window),
      x: .init("step"), y: .init("nats per example", log: Figure.wantsLog(series.flatMap(\.points).map { $0[1] })),
      series)
  }

  /// λ, τ and σ.
  var scales: Figure? {
    // MAP's are given, and maximum likelihood has none.
    guard content.hasPosterior || content.kind == .laplace else { return nil }
    let steps = steps
    let window = RunContent.window(steps.count)
    let numbers: [(String, (MetricsLine) -> Double?)] = [
      ("λ, the backbone's prior variance", { $0.lambda }), ("τ, the head's prior variance", { $0.tau }),
      ("σ, the posterior's standard deviation", { $0.sigma }), ("noise of the targets", { $0.noise }),
    ]
    let series = numbers.map { name, number in
      Figure.Series(name: name, points: RunContent.means(steps, over: window, number))
    }
    .filter { $0.points.contains { $0[1] > 0 } }
    guard !series.isEmpty else { return nil }
    return .lines(
      "scales", "What was learned beside the weights",
      caption: (content.kind == .laplace
        ? "λ and τ follow the Laplace evidence, from epoch to epoch. "
        : "λ and τ are the best for the weights of each step; σ is learned by gradient. ") + meanOf(window),
      x: .init("step"), y: .init("value", log: Figure.wantsLog(series.flatMap(\.points).map { $0[1] }, ratio: 10)),
      series)
  }

  /// The training loss at each learning rate.
  var candidates: Figure? {
    let rates = content.configuration.learningRates
    guard rates.count > 1 else { return nil }
    let counts = rates.map { content.steps(of: $0).count }
    let window = RunContent.window(counts.max() ?? 0)
    let series = rates.map { rate in
      Figure.Series(
        name: "\(rate)", points: RunContent.means(content.steps(of: rate), over: window) { $0.loss })
    }
    let figure = Figure.lines(
      "candidates", "The loss at each learning rate",
      caption: "All see the same batches, crops and noise. \(meanOf(window))",
      x: .init("step", log: content.configuration.race == true),
      y: .init("nats per example", log: Figure.wantsLog(series.flatMap(\.points).map { $0[1] })),
      series, by: "learning rate")
    return figure.series?.isEmpty == false ? figure : nil
  }

  /// How the race judged the learning rates.
  var race: Figure? {
    let rates = content.configuration.learningRates
    let rungs = content.lines.filter { $0.event == "rung" }
    guard !rungs.isEmpty else { return outcomes }
    let series = rates.map { rate -> Figure.Series in
      var points = rungs.filter { $0.lr == rate }.compactMap { line in
        line.step.flatMap { step in line.loss.map { [Double(step), $0] } }
      }
      if let end = content.lines.last(where: { $0.event == "candidate" && $0.lr == rate })?.loss {
        points.append([Double(content.configuration.steps), end])
      }
      return Figure.Series(name: "\(rate)", points: points)
    }
    return .lines(
      "race", "The race for the learning rate",
      caption:
        "The objective's loss on training examples, by which the worse rates were dropped; lower is better. The last point is the judgement of the whole run.",
      x: .init("step"), y: .init("loss when judged", log: Figure.wantsLog(series.flatMap(\.points).map { $0[1] })),
      series, by: "learning rate")
  }

  /// The losses of learning rates that were all trained to the end.
  private var outcomes: Figure? {
    let lines = content.lines.filter { $0.event == "candidate" }
    guard lines.count > 1 else { return nil }
    let score = content.rateScore
    var figure = Figure(
      id: "race", kind: .bars, title: "How the learning rates were judged", x: .init(score.name), by: "learning rate")
    figure.bars = lines.map { line in
      Figure.Bar(
        name: line.lr.map { "\($0)" } ?? "–", value: score.number(line),
        note: line.failure ?? (line.lr == content.result?.lr ? "taken" : "not taken"))
    }
    figure.caption =
      "Each rate trained to the end, judged by \(score.name); the \(content.kind == .laplace ? "highest" : "lowest") is taken."
    return figure
  }
}

import Studies
import Training

/// Which of two runs each objective prefers: one that fits well, trained by the DE-ELBO, and one that fits badly, trained
/// by the ELBO.
struct SelectionFigure {
  let study: StudyContent

  /// A run with its steps.
  private struct Run {
    var name: String
    var steps: [MetricsLine]
    var n: Double
    var kappa: Double
  }

  private func run(_ method: String, _ words: String) -> Run? {
    let trials = study.records.filter { $0.method == method && $0.status == .done && $0.stage == .final }
    for trial in trials {
      guard let n = trial.n, let kappa = trial.kappa, let content = try? RunContent(study.run(of: trial)) else {
        continue
      }
      let steps = content.steps(of: content.learningRate)
      guard !steps.isEmpty else { continue }
      let accuracy = trial.test.map { ", test accuracy \(Wording.percent($0.balancedAccuracy))" } ?? ""
      return Run(name: words + accuracy, steps: steps, n: Double(n), kappa: kappa)
    }
    return nil
  }

  /// The ELBO's and the DE-ELBO's figure; none unless both runs are in the study.
  var figures: [Figure] {
    guard let good = run("de-elbo", "trained by the DE-ELBO"), let bad = run("elbo", "trained by the ELBO") else {
      return []
    }
    func figure(_ id: String, _ title: String, kappa: Double, _ words: String) -> Figure {
      let series = [(good, 0), (bad, 1)].map { run, look in
        Figure.Series(
          name: run.name,
          points: RunContent.means(run.steps, over: RunContent.window(run.steps.count)) { line in
            line.nll.flatMap { nll in line.regularizer.map { -(nll + $0 * run.kappa * run.n / (kappa * run.n)) } }
          }, look: look)
      }
      return .lines(
        id, title, caption: words, x: .init("step"), y: .init("objective per κN, in nats"), series, by: "run")
    }
    return [
      figure(
        "selection-elbo", "By the ELBO (κ = 1)", kappa: 1,
        "The plain ELBO of both runs over training: the higher is the one that it would select."),
      figure(
        "selection-de-elbo", "By the DE-ELBO (κ = \(Wording.short(good.kappa)))", kappa: good.kappa,
        "The data-emphasized ELBO of the same two runs."),
    ]
  }
}

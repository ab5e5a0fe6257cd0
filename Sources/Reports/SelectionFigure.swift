import Studies

/// Which of two runs each objective prefers: one that fits well, trained by the DE-ELBO, and one that fits badly, trained
/// by the ELBO.
struct SelectionFigure {
  let study: StudyContent

  /// A run and what it is called.
  private typealias Run = (name: String, curve: SelectionCurve, kappa: Double)

  /// The figure's own trials, or else the finals of the two methods.
  private func trial(_ method: String, isELBO: Bool) -> TrialRecord? {
    let done = study.records.filter { $0.status == .done }
    let own = done.filter { $0.studyMethod == .selection }
    let kappas = own.compactMap { $0.values["kappa"] }
    if let kappa = isELBO ? kappas.min() : kappas.max(), Set(kappas).count > 1 {
      return own.first { $0.values["kappa"] == kappa }
    }
    return done.first { $0.method == method && $0.stage == .final }
  }

  private func run(_ method: String, _ words: String, isELBO: Bool) -> Run? {
    guard let trial = trial(method, isELBO: isELBO), let kappa = trial.values["kappa"] ?? trial.kappa else {
      return nil
    }
    let curve = SelectionCurve(of: trial, in: study.run(of: trial))
    guard !curve.elbo.isEmpty else { return nil }
    let accuracy = trial.test.map { ", test accuracy \(Wording.percent($0.balancedAccuracy))" } ?? ""
    return (words + accuracy, curve, kappa)
  }

  /// The ELBO's and the DE-ELBO's figure; none unless both runs are in the study.
  var figures: [Figure] {
    guard let good = run("de-elbo", "trained by the DE-ELBO", isELBO: false),
      let bad = run("elbo", "trained by the ELBO", isELBO: true)
    else {
      return []
    }
    func figure(_ id: String, _ title: String, kappa: Double, _ words: String) -> Figure {
      let series = [(good, 0), (bad, 1)].map { run, look in
        Figure.Series(
          name: run.name,
          points: RunContent.means(run.curve.steps, over: RunContent.window(run.curve.steps.count)) {
            run.curve.objective(at: $0, kappa: kappa)
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

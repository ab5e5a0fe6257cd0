import Studies

/// Which of two runs each objective prefers: one that fits well, trained by the DE-ELBO, and one that fits badly,
/// trained by the ELBO.
struct SelectionFigure {
  let study: StudyContent

  /// A run and what it is called.
  private typealias Run = (name: String, curve: SelectionCurve, kappa: Double)

  /// Under the first seed that has both, the figure's own two trials, or else the finals of the two methods.
  private var trials: (good: TrialRecord, bad: TrialRecord)? {
    let done = study.records.filter { $0.status == .done }
    for seed in Set(done.map(\.seed)).sorted() {
      let ofSeed = done.filter { $0.seed == seed }
      let own = ofSeed.filter { $0.studyMethod == .selection }
        .sorted { $0.values["kappa"] ?? 0 < $1.values["kappa"] ?? 0 }
      if own.count > 1 { return (own[own.count - 1], own[0]) }
      let finals = ofSeed.filter { $0.stage == .final }
      if let good = finals.first(where: { $0.studyMethod == .deELBO }),
        let bad = finals.first(where: { $0.studyMethod == .elbo })
      {
        return (good, bad)
      }
    }
    return nil
  }

  private func run(_ trial: TrialRecord, _ words: String) -> Run? {
    guard let kappa = trial.values["kappa"] ?? trial.kappa else { return nil }
    let curve = SelectionCurve(of: trial, in: study.folder.run(of: trial.id))
    guard curve.steps.contains(where: { curve.objective(at: $0, kappa: kappa) != nil }) else { return nil }
    let accuracy = trial.test.map { ", test accuracy \(Wording.percent($0.balancedAccuracy))" } ?? ""
    return (words + accuracy, curve, kappa)
  }

  /// The ELBO's and the DE-ELBO's figure; none unless both runs are in the study.
  var figures: [Figure] {
    guard let trials, let good = run(trials.good, "trained by the DE-ELBO"),
      let bad = run(trials.bad, "trained by the ELBO")
    else {
      return []
    }
    let seed = study.configuration.seeds.count > 1 ? " Seed \(trials.good.seed)." : ""
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
        "The plain ELBO of both runs over training: the higher is the one that it would select."
          + seed),
      figure(
        "selection-de-elbo", "By the DE-ELBO (κ = \(Wording.short(good.kappa)))", kappa: good.kappa,
        "The data-emphasized ELBO of the same two runs." + seed),
    ]
  }
}

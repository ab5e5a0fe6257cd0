import Foundation
import Studies
import Training

/// How accuracy and NLL depend on κ.
struct KappaSweep {
  let study: StudyContent

  private var trials: [TrialRecord] {
    study.records.filter { $0.studyMethod == .kappa && $0.status == .done && $0.test != nil }
  }

  /// A trial's κ.
  private static func kappa(_ trial: TrialRecord) -> Double? { trial.values["kappa"] ?? trial.kappa }

  /// D/N, and the κ that DE-ELBO took where that is another.
  private var marks: [Figure.Mark] {
    guard let trial = trials.first(where: { $0.n != nil && $0.d != nil }), let n = trial.n, let d = trial.d, n > 0
    else { return [] }
    let ratio = Double(d) / Double(n)
    var marks = [Figure.Mark(x: ratio, label: "D/N")]
    if let taken = study.records.first(where: { $0.studyMethod == .deELBO })?.kappa, abs(log(taken / ratio)) > 0.02 {
      marks.append(Figure.Mark(x: taken, label: "DE-ELBO's κ"))
    }
    return marks
  }

  /// The two figures; none without a sweep.
  var figures: [Figure] {
    let kappas = Set(trials.compactMap(Self.kappa)).sorted()
    guard kappas.count > 1 else { return [] }
    func figure(_ id: String, _ title: String, _ y: Figure.Axis, _ number: (TrialRecord) -> Double?) -> Figure {
      var series = Figure.Series(name: "mean over seeds", points: [], low: [], high: [], look: 0)
      for kappa in kappas {
        let values = trials.filter { Self.kappa($0) == kappa }.compactMap(number)
        guard let mean = MethodOutcome.mean(values), let low = values.min(), let high = values.max() else { continue }
        series.points.append([kappa, mean])
        series.low?.append(low)
        series.high?.append(high)
      }
      if Set(trials.map(\.seed)).count < 2 { (series.low, series.high) = (nil, nil) }
      var figure = Figure.lines(
        id, title, caption: "κ = 1 is the plain ELBO; the dashed line marks D/N, parameters per example.",
        x: .init("κ", log: true), y: y, [series])
      figure.marks = marks
      return figure
    }
    return [
      figure("kappa-accuracy", "Accuracy against κ", .init("balanced accuracy", percent: true)) {
        $0.test?.balancedAccuracy
      },
      figure("kappa-nll", "NLL against κ", .init("test NLL")) { $0.test?.nll },
    ]
  }
}

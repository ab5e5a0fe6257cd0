import Studies

/// How good the model is that a method would give after so many hours of compute.
///
/// Each seed is a staircase: after each trial, the number of that trial which the method would take, the final one
/// where it has ended. Over the seeds there is a mean with the lowest and the highest.
struct BestSoFar {
  /// Seconds, and the number from then on.
  typealias Stairs = [(seconds: Double, value: Double)]

  /// One seed's staircase of a number; a trial without the number changes nothing but the time.
  static func stairs(_ method: MethodOutcome, _ seed: UInt64, _ number: (TrialRecord) -> Double?) -> Stairs {
    var (stairs, seconds, best): (Stairs, Double, TrialRecord?) = ([], 0, nil)
    for trial in method.ended(seed) {
      seconds += trial.seconds ?? 0
      guard trial.status == .done, number(trial) != nil else { continue }
      // Of a search that gives its trials different steps, the best of those that had the most.
      let isTaken =
        trial.stage == .final
        || (best?.stage != .final
          && (-trial.steps, trial.score ?? .infinity) <= (-(best?.steps ?? 0), best?.score ?? .infinity))
      if isTaken { best = trial }
      if let value = best.flatMap(number) { stairs.append((seconds, value)) }
    }
    return stairs
  }

  /// The mean over seeds with its spread, at every moment at which one of them changes, from where all have begun.
  static func series(
    _ method: MethodOutcome, unit seconds: Double, _ number: (TrialRecord) -> Double?
  ) -> Figure.Series? {
    let all = method.seeds.map { stairs(method, $0, number) }.filter { !$0.isEmpty }
    guard let start = all.compactMap({ $0.first?.seconds }).max() else { return nil }
    let moments = Set(all.joined().map(\.seconds)).filter { $0 >= start }.sorted()
    var series = Figure.Series(name: method.label, points: [], low: [], high: [], step: true, look: method.look)
    for moment in moments {
      let values = all.compactMap { $0.last { $0.seconds <= moment }?.value }
      guard let mean = MethodOutcome.mean(values), let low = values.min(), let high = values.max() else { continue }
      series.points.append([moment / seconds, mean])
      series.low?.append(low)
      series.high?.append(high)
    }
    if all.count < 2 { (series.low, series.high) = (nil, nil) }
    return series.points.isEmpty ? nil : series
  }

  /// The figures of accuracy and of NLL against compute.
  static func figures(_ methods: [MethodOutcome]) -> [Figure] {
    let longest = methods.flatMap { method in method.seeds.map(method.seconds) }.max() ?? 0
    let (unit, name) = longest < 2 * 3600 ? (60.0, "minutes") : (3600.0, "hours")
    let hasSeeds = methods.contains { $0.seeds.count > 1 }
    let words =
      "of the model that each method would take after so much compute, its search and its final training included"
      + (hasSeeds ? "; the mean over seeds, shaded from the lowest to the highest." : ".")
    func figure(
      _ id: String, _ title: String, _ y: Figure.Axis, _ number: @escaping (TrialRecord) -> Double?
    ) -> Figure? {
      let series = methods.compactMap { Self.series($0, unit: unit, number) }
      guard !series.isEmpty else { return nil }
      let times = series.flatMap(\.points).map { $0[0] }
      var axis = y
      if axis.percent == nil && Figure.wantsLog(series.flatMap(\.points).map { $0[1] }) { axis.log = true }
      return .lines(
        id, title, caption: "\(y.name.prefix(1).uppercased() + y.name.dropFirst()) \(words)",
        x: .init("\(name) of compute", log: Figure.wantsLog(times, ratio: 8)), y: axis, series, by: "method")
    }
    return [
      figure("accuracy", "Accuracy against compute", .init("balanced accuracy", percent: true)) {
        $0.test?.balancedAccuracy
      },
      figure("nll", "NLL against compute", .init("test NLL")) { $0.test?.nll },
    ].compactMap { $0 }
  }
}

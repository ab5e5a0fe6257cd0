import Training

/// What is shown of the predictions of classes on a test split.
struct TestFigures {
  let metrics: ClassificationMetrics

  /// How far confidences can be believed.
  var reliability: Figure? {
    guard let bins = metrics.reliability else { return nil }
    var figure = Figure(id: "reliability", kind: .reliability, title: "Reliability")
    figure.bins = bins
    figure.caption =
      "Of the examples of each confidence, how many are right: bars, with a diamond at their mean confidence. On the dashed line confidence and accuracy agree. The lower bars count the examples. Expected calibration error \(Wording.fixed(metrics.ece))."
    return figure
  }

  /// Who is taken for whom.
  var confusion: Figure? {
    guard let counts = metrics.confusion, let names = metrics.classes, !names.isEmpty else { return nil }
    var figure = Figure(id: "confusion", kind: .matrix, title: "Confusion matrix")
    (figure.classes, figure.counts) = (names, counts)
    figure.isWide = names.count > 12
    figure.caption =
      "Rows are the true classes, columns the predictions; the shade is the part of the class"
      + (names.count > 12
        ? ". Point at a cell for its names and counts; the pairs below are the most frequent mistakes."
        : ", the number counts examples.")
    return figure
  }

  /// The accuracy of each class, the lowest first.
  var perClass: Figure? {
    guard let names = metrics.classes, let counts = metrics.confusion, let accuracies = metrics.perClassAccuracy
    else { return nil }
    let bars = zip(names, counts).compactMap { name, row -> Figure.Bar? in
      guard let found = accuracies[name], let accuracy = found else { return nil }
      return Figure.Bar(name: name, value: accuracy, note: Wording.count(row.reduce(0, +), "example"))
    }
    guard !bars.isEmpty else { return nil }
    var figure = Figure(
      id: "per-class", kind: .bars, title: "Accuracy of each class",
      x: .init("accuracy", percent: true, min: 0, max: 1), by: "class")
    figure.bars = bars.enumerated().sorted {
      ($0.element.value ?? 0, $0.offset) < ($1.element.value ?? 0, $1.offset)
    }.map(\.element)
    let absent = names.count - bars.count
    figure.caption =
      "The lowest first; balanced accuracy is their mean."
      + (absent > 0 ? " \(Wording.count(absent)) without test examples are left out." : "")
    return figure
  }

  /// The most frequent mistakes.
  var mistakes: Table? {
    guard let counts = metrics.confusion, let names = metrics.classes, names.count > 2 else { return nil }
    let pairs = counts.enumerated().flatMap { label, row in
      row.enumerated().filter { $0.offset != label && $0.element > 0 }.map {
        (label: label, taken: $0.offset, count: $0.element, of: row.reduce(0, +))
      }
    }
    .sorted { ($1.count, $0.label, $0.taken) < ($0.count, $1.label, $1.taken) }
    guard !pairs.isEmpty else { return nil }
    return Table(
      caption: "The most frequent mistakes", head: ["true", "predicted", "examples", "of the class"],
      rows: pairs.prefix(10).map { pair in
        [
          .init(names[pair.label]), .init(names[pair.taken]), .init(Wording.count(pair.count)),
          .init(Wording.percent(Double(pair.count) / Double(pair.of))),
        ]
      }, words: 2)
  }
}

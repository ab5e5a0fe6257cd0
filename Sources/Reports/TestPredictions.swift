import Datasets
import Foundation
import Torch
import Training

/// A run's predictions on its test split, made again for what no file of the run holds.
struct TestPredictions {
  /// A test example that the model is wrong about.
  private struct Mistake {
    var example: Example
    var truth: String
    var predicted: String
    /// What is said of how wrong it is.
    var note: String
  }

  /// What the model is most wrong about, the worst first, as pictures or a table of texts; nil where it never is.
  private(set) var mistakes: HTML?
  /// The number of test examples, and of those that the model is wrong about; of numbers the latter is nil.
  private(set) var count = 0
  private(set) var wrong: Int?
  /// True and predicted values; none for classes.
  private(set) var values: [[Double]] = []

  /// Where a thumbnail's longer side ends, in pixels.
  private static let side = 112
  /// Where a text ends, in characters.
  private static let length = 300

  /// Predicts a data set's test split at the posterior mean.
  ///
  /// Throws the errors of reading the run and the data.
  init(
    of run: RunFolder, data: String, device: Device, most: Int, skipUnreadable: Bool,
    onEvent: (FineTuneEvent) throws -> Void
  ) throws {
    let saved = try SavedModel(run: run)
    let gaussian = saved.likelihood.gaussian
    let dataset = try Dataset.open(
      data, options: Dataset.Options(trainSplits: [], classes: gaussian == nil ? saved.classes : nil))
    guard let all = dataset.splits[.test] else {
      throw DatasetError.missingSplit(
        path: data, split: .test, found: Split.allCases.filter { dataset.splits[$0] != nil })
    }
    try onEvent(.note("predicting \(all.count) test examples for the report"))
    let batches = try saved.preparation.batches(
      of: all, split: .test, skipUnreadable: skipUnreadable, device: device)
    count = batches.count
    let (examples, labels) = (batches.examples, batches.labels)
    var worst: [Mistake] = []
    let model = try saved.model(device: device)
    if let gaussian {
      let truths = batches.values ?? []
      let predictions = try model.values(of: batches, under: gaussian, batchSize: 64)
      values = zip(truths, predictions).map { [$0, $1] }
      let order = values.indices.sorted { abs(values[$0][0] - values[$0][1]) > abs(values[$1][0] - values[$1][1]) }
      worst = order.prefix(most).map { index in
        let (truth, value) = (values[index][0], values[index][1])
        return Mistake(
          example: examples[index], truth: Wording.short(truth), predicted: Wording.short(value),
          note: "off by \(Wording.short(abs(truth - value)))")
      }
    } else {
      let (rows, width) = (try model.logProbabilities(of: batches, batchSize: 64), saved.classes.count)
      let guesses = labels.indices.map { index -> (index: Int, class: Int, confidence: Double) in
        let row = rows[index * width..<(index + 1) * width]
        let best = row.indices.max { row[$0] < row[$1] } ?? row.startIndex
        return (index, best - row.startIndex, exp(row[best]))
      }
      let missed = guesses.filter { $0.class != labels[$0.index] }
      wrong = missed.count
      worst = missed.sorted { ($1.confidence, $0.index) < ($0.confidence, $1.index) }.prefix(most).map { guess in
        Mistake(
          example: examples[guess.index], truth: saved.classes[labels[guess.index]],
          predicted: saved.classes[guess.class], note: "\(Wording.percent(guess.confidence)) sure")
      }
    }
    guard !worst.isEmpty else { return }
    mistakes = saved.preparation.tokenizer != nil ? Self.table(of: worst) : try Self.gallery(of: worst)
  }

  /// Pictures with what the model took them for.
  private static func gallery(of mistakes: [Mistake]) throws -> HTML {
    let items = try mistakes.map { mistake -> HTML in
      var image = try mistake.example.source.decode()
      let longer = max(image.height, image.width)
      if longer > side {
        image = image.resized(
          height: max(1, image.height * side / longer), width: max(1, image.width * side / longer))
      }
      // So small that its pixels are to be seen.
      let kind = HTML(trusted: longer < side / 2 ? " class=\"small\"" : "")
      let name = (mistake.example.source.name as NSString).lastPathComponent
      return #"""
        <li><img\#(kind) src="data:image/png;base64,\#(Data(image.png() ?? []).base64EncodedString())" alt="\#(mistake.truth), taken for \#(mistake.predicted)" title="\#(name)"><b>\#(mistake.predicted)</b><span>is \#(mistake.truth)</span><span>\#(mistake.note)</span></li>
        """#
    }
    return #"<ul class="mistakes">\#(items)</ul>"#
  }

  /// Texts with what the model took them for.
  private static func table(of mistakes: [Mistake]) -> HTML {
    let rows = mistakes.map { mistake -> [Table.Cell] in
      let text = mistake.example.source.text ?? ""
      return [
        .init(text.count > length ? text.prefix(length - 1) + "…" : text, note: mistake.example.source.name),
        .init(mistake.truth), .init(mistake.predicted, note: mistake.note),
      ]
    }
    return Table(
      caption: "The texts, and the lines of the data that they are from", head: ["text", "true", "predicted"],
      rows: rows, words: 3
    ).html
  }

  /// Predicted against true values, for test examples of this kind.
  func scatter(of kind: String) -> Figure? {
    let finite = values.filter { $0.allSatisfy(\.isFinite) }
    guard let low = finite.joined().min(), let high = finite.joined().max() else { return nil }
    // Ends that read well.
    let unit = pow(10, floor(log10(max(high - low, 1e-9)))) / 2
    let ends = (low: floor(low / unit) * unit, high: ceil(high / unit) * unit)
    var figure = Figure.lines(
      "values", "Predicted and true values", caption: "On the dashed line they agree. Each point is a test \(kind).",
      x: .init("true value", min: ends.low, max: ends.high),
      y: .init("predicted value", min: ends.low, max: ends.high),
      [Figure.Series(name: "test \(kind)s", points: finite, scatter: true)])
    figure.diagonal = true
    return figure
  }
}

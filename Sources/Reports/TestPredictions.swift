import Datasets
import Foundation
import Torch
import Training

/// A run's predictions on its test split, made again for what no file of the run holds.
struct TestPredictions {
  /// A test image that the model is wrong about.
  struct Mistake {
    /// The image file's name, without folders.
    var name: String
    var truth: String
    var predicted: String
    /// What is said of how wrong it is.
    var note: String
    /// The picture, small, as a PNG file.
    var png: [UInt8]
    /// Whether the picture is so small that its pixels are to be seen.
    var isTiny: Bool
  }

  /// The worst, the worst first.
  private(set) var mistakes: [Mistake] = []
  /// The number of test images, and of those that the model is wrong about; of numbers the latter is nil.
  private(set) var count = 0
  private(set) var wrong: Int?
  /// True and predicted values; none for classes.
  private(set) var values: [[Double]] = []

  /// Where a thumbnail's longer side ends, in pixels.
  private static let side = 112

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
    guard let examples = dataset.splits[.test] else {
      throw DatasetError.missingSplit(
        path: data, split: .test, found: Split.allCases.filter { dataset.splits[$0] != nil })
    }
    try onEvent(.note("predicting \(examples.count) test examples for the report"))
    let batches = try saved.preparation.batches(
      of: examples, split: .test, skipUnreadable: skipUnreadable, device: device)
    count = batches.count
    let labels = batches.labels
    // Mistakes are shown as pictures, and texts have none.
    let (shown, most) = if case .images(let store) = batches.store { (store.examples, most) } else { ([Example](), 0) }
    let model = try saved.model(device: device)
    if let gaussian {
      let truths = batches.values ?? []
      let predictions = try model.values(of: batches, under: gaussian, batchSize: 64)
      values = zip(truths, predictions).map { [$0, $1] }
      let worst = values.indices.sorted { abs(values[$0][0] - values[$0][1]) > abs(values[$1][0] - values[$1][1]) }
      mistakes = try worst.prefix(most).map { index in
        let (truth, value) = (values[index][0], values[index][1])
        return try Self.mistake(
          shown[index], truth: Wording.short(truth), predicted: Wording.short(value),
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
      mistakes = try missed.sorted { ($1.confidence, $0.index) < ($0.confidence, $1.index) }.prefix(most).map { guess in
        try Self.mistake(
          shown[guess.index], truth: saved.classes[labels[guess.index]],
          predicted: saved.classes[guess.class], note: "\(Wording.percent(guess.confidence)) sure")
      }
    }
  }

  private static func mistake(_ example: Example, truth: String, predicted: String, note: String) throws -> Mistake {
    var image = try example.source.decode()
    let longer = max(image.height, image.width)
    if longer > side {
      image = image.resized(
        height: max(1, image.height * side / longer), width: max(1, image.width * side / longer))
    }
    return Mistake(
      name: (example.source.name as NSString).lastPathComponent, truth: truth, predicted: predicted, note: note,
      png: image.png() ?? [], isTiny: longer < side / 2)
  }

  /// The pictures with what the model took them for.
  var gallery: HTML {
    let items = mistakes.map { mistake -> HTML in
      let kind = HTML(trusted: mistake.isTiny ? " class=\"small\"" : "")
      return #"""
        <li><img\#(kind) src="data:image/png;base64,\#(Data(mistake.png).base64EncodedString())" alt="\#(mistake.truth), taken for \#(mistake.predicted)" title="\#(mistake.name)"><b>\#(mistake.predicted)</b><span>is \#(mistake.truth)</span><span>\#(mistake.note)</span></li>
        """#
    }
    return #"<ul class="mistakes">\#(items)</ul>"#
  }

  /// Predicted against true values.
  var scatter: Figure? {
    let finite = values.filter { $0.allSatisfy(\.isFinite) }
    guard let low = finite.joined().min(), let high = finite.joined().max() else { return nil }
    // Ends that read well.
    let unit = pow(10, floor(log10(max(high - low, 1e-9)))) / 2
    let ends = (low: floor(low / unit) * unit, high: ceil(high / unit) * unit)
    var figure = Figure.lines(
      "values", "Predicted and true values", caption: "On the dashed line they agree. Each point is a test image.",
      x: .init("true value", min: ends.low, max: ends.high),
      y: .init("predicted value", min: ends.low, max: ends.high),
      [Figure.Series(name: "test images", points: finite, scatter: true)])
    figure.diagonal = true
    return figure
  }
}

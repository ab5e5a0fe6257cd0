import Datasets
import Foundation
import Studies
import Support
import TestSupport
import Torch
import Training

/// A folder with small data sets, runs on them and studies, to report on; it is removed with the last test.
final class Fixture: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appending(path: "reports-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: "\(path)/pictures", withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func place(_ name: String) -> String { "\(path)/\(name)" }

  /// Names that must not become markup.
  static let classes = [
    "</script><script>document.title='broken'</script>", "a & \"b\" 'c'", "<img src=x onerror=alert(1)>",
  ]

  /// Writes pictures and a table of them: labels, or values.
  func writeTable(_ name: String, images: Int = 60, values: Bool = false) throws {
    var lines = [values ? "path,value,split" : "path,label,split"]
    for image in 0..<images {
      let kind = image % 3
      var pixels: [UInt8] = []
      for place in 0..<20 * 24 {
        let pattern: Int = (place * (kind + 2) + image * 5) % 256
        pixels += [UInt8(pattern), UInt8(kind * 90), UInt8(image * 4)]
      }
      let file = "pictures/<b>\(image)</b>.png".replacingOccurrences(of: "/b", with: "b")
      try Data(RGBImage(height: 20, width: 24, pixels: pixels).png() ?? []).write(
        to: URL(fileURLWithPath: place(file)))
      let label = values ? "\(Double(kind) * 10 + Double(image) / 7)" : Self.quoted(Self.classes[kind])
      lines.append("\(file),\(label),\(image % 2 == 0 ? "train" : "test")")
    }
    try lines.joined(separator: "\n").write(toFile: place(name), atomically: true, encoding: .utf8)
  }

  private static func quoted(_ text: String) -> String {
    "\"" + text.replacingOccurrences(of: "\"", with: "\"\"") + "\""
  }

  /// Makes a short run.
  @discardableResult
  func run(_ out: String, data: String, _ change: (inout FineTuneOptions) -> Void = { _ in }) throws -> FineTuneResult {
    var options = FineTuneOptions(data: place(data), model: "resnet8", weights: nil, out: place(out))
    (options.size, options.steps, options.batchSize, options.learningRate) = (16, 12, 8, .fixed(0.02))
    (options.device, options.threads, options.initialSigma) = (.cpu, 1, 2e-3)
    change(&options)
    return try FineTuner(options).run()
  }

  /// Makes the short run with a race on classes with dangerous names.
  func raced() throws -> String {
    try writeTable("classes.csv")
    try run("raced", data: "classes.csv") { options in
      (options.learningRate, options.learningRates, options.steps) = (.race, [0.1, 0.01, 0.001], 40)
    }
    return place("raced")
  }

  /// A copy of a run whose test metrics are those of many classes.
  func manyClasses(_ run: String) throws -> String {
    let names = (0..<102).map { "species number \($0)" + ($0 % 7 == 0 ? " with a rather long name" : "") }
    return try copy(run, "many", names: names, right: 4.5)
  }

  /// A copy of a run whose test metrics are of classes with these names; `right` is how much surer the true class is.
  func copy(_ run: String, _ name: String, names: [String], right: Double) throws -> String {
    let (copy, count) = (place(name), names.count)
    try FileManager.default.copyItem(atPath: run, toPath: copy)
    let labels = (0..<count * 6).map { $0 % count }
    var random = SplitMix64(state: 7)
    var rows: [Double] = []
    for label in labels {
      var scores: [Double] = []
      for other in 0..<count {
        var score = 2 * random.uniform()
        if other == label { score += right }
        // Each class has one that is like it.
        if other == (label + 3) % count { score += 3.6 * random.uniform() }
        scores.append(score)
      }
      let total = log(scores.map { exp($0) }.reduce(0, +))
      rows += scores.map { $0 - total }
    }
    var result = try RunFolder(copy).readSummary()
    result.test = ClassificationMetrics(logProbabilities: rows, labels: labels, classes: count, names: names)
    try JSON.document(result).write(to: URL(fileURLWithPath: RunFolder(copy).summary))
    return copy
  }
}

import Datasets
import Foundation
import TestSupport
import Testing
import Training

/// A run's event file, as TensorBoard reads it, beside `metrics.jsonl`.
@Suite(.enabled(if: TensorBoardContent.missing == nil, "\(TensorBoardContent.missing ?? "")")) struct RunEventsTests {
  private func compare(
    _ lines: [MetricsLine], _ content: TensorBoardContent, prefix: String
  ) throws {
    let numbers: [(String, (MetricsLine) -> Double?)] = [
      ("loss", { $0.loss }), ("nll", { $0.nll }), ("regularizer", { $0.regularizer }), ("lambda", { $0.lambda }),
      ("tau", { $0.tau }), ("sigma", { $0.sigma }), ("learning_rate", { $0.lr }),
      ("gradient_norm", { $0.gradientNorm }),
      ("noise", { $0.noise }),
    ]
    for (name, number) in numbers {
      let told = lines.filter { number($0) != nil }
      let found = content.scalars["\(prefix)/\(name)"] ?? []
      #expect(found.map { Int($0[0]) } == told.map { $0.step }, "\(prefix)/\(name)")
      #expect(found.map { Float($0[1]) } == told.compactMap(number).map { Float($0) }, "\(prefix)/\(name)")
    }
  }

  @Test func aRace() throws {
    let table = try TableRun()
    let started = Date().timeIntervalSince1970
    let result = try table.run("race") { options in
      (options.learningRate, options.learningRates) = (.race, [0.1, 0.01, 0.001])
    }
    let folder = RunFolder(table.folder.path("race"))
    let lines = folder.readMetrics()
    let content = try TensorBoardContent(folder: folder.path)
    let steps = lines.filter { $0.event == "step" }
    for rate in [0.1, 0.01, 0.001] {
      let own = steps.filter { $0.candidate == rate }
      #expect(!own.isEmpty)
      try compare(own, content, prefix: "lr=\(rate)")
      let rungs = lines.filter { $0.event == "rung" && $0.lr == rate && $0.loss != nil }
      #expect(
        content.scalars["lr=\(rate)/race/loss"]?.map { Float($0[1]) } == rungs.compactMap { $0.loss.map { Float($0) } })
    }
    let taken = steps.filter { $0.candidate == result.lr }
    #expect(taken.count == 13)
    try compare(taken, content, prefix: "train")
    let test = try #require(result.test)
    let results = [
      "result/learning_rate": result.lr, "result/loss": result.loss, "result/sigma": result.sigma,
      "result/kappa": result.kappa, "test/accuracy": test.accuracy, "test/balanced_accuracy": test.balancedAccuracy,
      "test/nll": test.nll, "test/ece": test.ece, "result/lambda": try #require(result.lambda),
      "result/tau": try #require(result.tau),
    ]
    for (tag, value) in results {
      #expect(content.scalars[tag].map { $0.map { Float($0[1]) } } == [Float(value)], "\(tag)")
      #expect(content.scalars[tag]?.first?[0] == 13)
    }
    let now = Date().timeIntervalSince1970
    #expect(content.scalars.values.joined().allSatisfy { (started...now).contains($0[2]) })
    let start = try #require(content.hparams["start"] as? [String: Any])
    #expect(start["model"] as? String == "resnet8" && start["learning_rate"] as? String == "race of 3")
    #expect(start["kappa"] as? String == "D/N, at most 5000.0")
    #expect(content.hparams["end_status"] as? Int == 1)
    // Nothing tells where the run was made.
    let bytes = try Data(contentsOf: URL(fileURLWithPath: folder.events))
    for secret in [table.folder.path(""), ProcessInfo.processInfo.hostName] {
      #expect(bytes.range(of: Data(secret.utf8)) == nil)
    }

    let image = try #require(content.images["test/reliability"]?.first)
    let file = table.folder.path("diagram.png")
    try image.png.write(to: URL(fileURLWithPath: file))
    let picture = try RGBImage.decode(path: file)
    #expect(picture.width == image.width && picture.height == image.height)
    // White paper, black axes, blue bars.
    #expect(Array(picture.pixels.prefix(3)) == [255, 255, 255])
    let colors = Set(stride(from: 0, to: picture.pixels.count, by: 3).map { Array(picture.pixels[$0..<$0 + 3]) })
    #expect(colors.contains([40, 40, 46]) && colors.contains([102, 153, 204]))
  }

  @Test func aSingleRate() throws {
    let table = try TableRun()
    _ = try table.run("single")
    let folder = RunFolder(table.folder.path("single"))
    let lines = folder.readMetrics()
    let content = try TensorBoardContent(folder: folder.path)
    try compare(lines.filter { $0.event == "step" }, content, prefix: "train")
    #expect(content.scalars.keys.allSatisfy { !$0.hasPrefix("lr=") })
    #expect((content.hparams["start"] as? [String: Any])?["learning_rate"] as? Double == 0.02)
  }
}

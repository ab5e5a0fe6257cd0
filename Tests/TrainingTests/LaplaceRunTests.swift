import Backbones
import Baselines
import Datasets
import Foundation
import TestSupport
import Testing
import Torch
import Training

/// LA-LML's training, and LA-CLML of MAP runs.
@Suite struct LaplaceRunTests {
  init() throws { try Runtime.setThreads(1) }

  /// Σ of the squares of each example's gradient, and of its log likelihoods, by plain sums.
  private func fisher(of model: Model, on data: ExampleBatches) throws -> (diagonal: [Double], logLikelihood: Double) {
    var (fisher, logLikelihood) = ([Double](repeating: 0, count: model.network.layout.paddedCount), 0.0)
    for index in 0..<data.count {
      let (image, label) = try data.batch([(index: index, epoch: 0)], augmentation: nil)
      let loss = try model(image, mode: .evaluation).crossEntropy(label)
      try loss.backward()
      let gradient = try model.vector.gradients.doubles()
      for i in fisher.indices { fisher[i] += gradient[i] * gradient[i] }
      try model.vector.gradients.zero_()
      logLikelihood -= try loss.item()
    }
    return (fisher, logLikelihood)
  }

  @Test func precisionsAreLearnedEpochByEpoch() throws {
    let table = try TableRun()
    let result = try table.run("run") {
      ($0.objective, $0.steps, $0.initialSigma) = (.laplace, 20, 1e-4)
    }
    let (alpha, beta) = (try #require(result.alpha), try #require(result.beta))
    let (lambda, tau) = (try #require(result.lambda), try #require(result.tau))
    #expect(result.objective == "la-lml" && result.sigma == 0 && result.kappa == 1)
    #expect(abs(alpha * lambda * Double(result.n) - 1) < 1e-9 && abs(beta * tau * Double(result.n) - 1) < 1e-9)
    // A step's λ is that of its epoch: 1 in the first.
    let lambdas = RunFolder(table.folder.path("run")).readMetrics().filter { $0.event == "step" }.compactMap(\.lambda)
    #expect(lambdas.count == 20)
    for step in 1..<20 {
      let isNew = step * 8 / result.n > (step - 1) * 8 / result.n
      #expect((lambdas[step] != lambdas[step - 1]) == isNew, "step \(step)")
    }
    #expect(lambdas[0] == 1 && result.lambda != lambdas[19])

    // The evidence is that of the saved network, by formulas of float64.
    let evidence = try #require(result.logMarginalLikelihood)
    let saved = try table.saved("run")
    let (data, model) = (try table.images(.train, like: saved), try saved.model(device: .cpu))
    let (fisher, logLikelihood) = try fisher(of: model, on: data)
    var expected = logLikelihood
    let weights = try model.vector.weights.doubles()
    for slice in saved.network.layout.slices {
      let precision = 1 / (slice.group == .head ? tau : lambda)
      for i in slice.range {
        expected -= 0.5 * (precision * weights[i] * weights[i] - log(precision) + log(fisher[i] + precision))
      }
    }
    #expect(abs(evidence / expected - 1) < 1e-4, "\(evidence), \(expected)")
  }

  /// The learning rate of the highest evidence is taken.
  @Test func theEvidenceChoosesTheLearningRate() throws {
    let table = try TableRun(images: 30)
    let result = try table.run("run") {
      ($0.objective, $0.learningRate, $0.steps, $0.initialSigma) = (.laplace, .grid, 4, 1e-4)
    }
    let best = result.lrCandidates.max {
      $0.logMarginalLikelihood ?? -.infinity < $1.logMarginalLikelihood ?? -.infinity
    }
    #expect(result.lrCandidates.count == 4 && result.lr == best?.lr)
    #expect(result.logMarginalLikelihood == best?.logMarginalLikelihood)
  }

  /// The conditional evidence of a run, against a Laplace posterior by plain arithmetic and the same draws.
  @Test func theConditionalEvidenceIsThatOfTheHeldOutPart() throws {
    let table = try TableRun()
    let result = try table.run("run") {
      ($0.objective, $0.alpha, $0.beta, $0.holdOut) = (.map, 0.02, 0.1, 0.25)
      ($0.steps, $0.initialSigma, $0.seed) = (60, 1e-4, 3)
    }
    let found = try ConditionalLaplace(RunFolder(table.folder.path("run")))
    #expect(found.accuracies.count == 5 && ConditionalLaplace.temperatures.contains(found.temperature))
    #expect(found.conditionalLogMarginalLikelihood < 0 && found.logMarginalLikelihood < result.logLikelihood)
    let best = try #require(found.accuracies.max())
    #expect(found.accuracies.firstIndex(of: best) == ConditionalLaplace.temperatures.firstIndex(of: found.temperature))
    #expect(try ConditionalLaplace(RunFolder(table.folder.path("run"))) == found)
    // At the lowest temperature the draws are the point: its own accuracy.
    let validation = try #require(result.validation)
    #expect(abs((found.accuracies.last ?? .nan) - validation.accuracy) < 0.1)

    let saved = try table.saved("run")
    let all = try #require(try Dataset.open(table.table, options: Dataset.Options()).splits[.train])
    let parts = try Dataset.open(table.table).holdingOut(Int((0.25 * Double(all.count)).rounded()), seed: 3)
    func images(_ examples: [Example]) throws -> ExampleBatches {
      ExampleBatches(try ImageStore(examples, preprocessing: #require(saved.preprocessing)), device: .cpu)
    }
    let (model, layout) = (try saved.model(device: .cpu), saved.network.layout)
    let (diagonal, logLikelihood) = try fisher(of: model, on: images(parts.kept))
    let (kept, heldOut) = (Double(parts.kept.count), try images(parts.heldOut))
    let mean = try model.vector.weights.doubles()
    var (evidence, deviations) = (logLikelihood, [Double](repeating: 0, count: layout.paddedCount))
    for slice in layout.slices {
      let precision = (slice.group == .head ? 0.1 : 0.02) * kept
      for i in slice.range {
        deviations[i] = 1 / (diagonal[i] + precision).squareRoot()
        evidence -= 0.5 * (precision * mean[i] * mean[i] - log(precision) + log(diagonal[i] + precision))
      }
    }
    #expect(abs(found.logMarginalLikelihood / evidence - 1) < 1e-4)
    // The evidence's stream of seed 3.
    let seed = (3 * 4 + 2 as UInt64) &* 0x9E37_79B9_7F4A_7C15
    let joint = try (0..<20).map { draw in
      var epsilon = [Float](repeating: 0, count: layout.count)
      epsilon.withUnsafeMutableBufferPointer { NormalDraws(seed: seed, step: UInt64(draw)).fill($0, from: 0) }
      let noise = layout.vector(
        layout.slices.map { Array(epsilon[$0.logicalOffset..<$0.logicalOffset + $0.count]) })
      let weights = mean.indices.map { Float(mean[$0] + found.temperature * deviations[$0] * Double(noise[$0])) }
      try model.vector.set(Tensor(weights, shape: [weights.count]))
      return -(try model.metrics(of: heldOut, batchSize: 8).nll) * Double(heldOut.count)
    }
    let highest = try #require(joint.max())
    let expected = highest + log(joint.reduce(0) { $0 + exp($1 - highest) } / 20)
    print("CLML \(found.conditionalLogMarginalLikelihood), by plain sums \(expected), T \(found.temperature)")
    #expect(abs(found.conditionalLogMarginalLikelihood / expected - 1) < 1e-3)
  }

  /// Runs that have no conditional evidence, each with its reason.
  @Test func whatHasNoConditionalEvidenceIsRefused() throws {
    let table = try TableRun(images: 30)
    func error(_ out: String, _ change: (inout FineTuneOptions) -> Void) throws -> String {
      _ = try table.run(out) {
        ($0.steps, $0.initialSigma, $0.objective, $0.alpha, $0.beta) = (1, 1e-4, .map, 0.1, 0.1)
        $0.holdOut = 0.3
        change(&$0)
      }
      do {
        _ = try ConditionalLaplace(RunFolder(table.folder.path(out)))
        return ""
      } catch { return "\(error)" }
    }
    #expect(try error("alpha") { $0.alpha = 0 }.contains("the prior of the backbone has precision 0.0"))
    #expect(try error("beta") { $0.beta = nil }.contains("improper prior (α or β = 0)"))
    #expect(try error("whole") { $0.holdOut = nil }.contains("it held nothing out: --hold-out"))
    #expect(
      try error("posterior") { ($0.objective, $0.alpha, $0.beta) = (.deELBO, nil, nil) }.contains("of --objective map"))
  }

  /// The labels of the data have changed since the run.
  @Test func changedDataIsRefused() throws {
    let table = try TableRun(images: 30)
    _ = try table.run("run") {
      ($0.steps, $0.initialSigma, $0.objective, $0.alpha, $0.beta) = (1, 1e-4, .map, 0.1, 0.1)
      $0.holdOut = 0.3
    }
    let rows = try String(contentsOfFile: table.table, encoding: .utf8).split(separator: "\n")
    try rows.reversed().joined(separator: "\n").write(toFile: table.table, atomically: true, encoding: .utf8)
    let error = #expect(throws: TrainingError.self) { try ConditionalLaplace(RunFolder(table.folder.path("run"))) }
    guard case .changedData = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  /// The images are others than in the run, under the same names and labels.
  @Test func changedPixelsAreRefused() throws {
    let table = try TableRun(images: 30)
    _ = try table.run("run") {
      ($0.steps, $0.initialSigma, $0.objective, $0.alpha, $0.beta) = (1, 1e-4, .map, 0.1, 0.1)
      $0.holdOut = 0.3
    }
    func judge() throws -> ConditionalLaplace { try ConditionalLaplace(RunFolder(table.folder.path("run"))) }
    _ = try judge()
    // The table's first half is for training; of the rest nothing is read.
    var rows = try String(contentsOfFile: table.table, encoding: .utf8).split(separator: "\n").map(String.init)
    func change(_ row: Int) throws {
      var numbers = rows[row].split(separator: ",").map(String.init)
      numbers[0] = numbers[0] == "16" ? "0" : "16"
      rows[row] = numbers.joined(separator: ",")
      try rows.joined(separator: "\n").write(toFile: table.table, atomically: true, encoding: .utf8)
    }
    try change(29)
    _ = try judge()
    try change(3)
    let error = #expect(throws: TrainingError.self) { try judge() }
    #expect(error?.description.contains("train: 1 of 15 images have other pixels now") == true)
  }
}

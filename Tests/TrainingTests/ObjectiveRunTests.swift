import Backbones
import Datasets
import Foundation
import TestSupport
import Testing
import Torch
import Training

/// Runs of objectives without a posterior, and of a part that is held out.
@Suite struct ObjectiveRunTests {
  init() throws { try Runtime.setThreads(1) }

  @Test func aMAPRunsResultIsItsModels() throws {
    let table = try TableRun()
    let result = try table.run("map") {
      ($0.objective, $0.alpha, $0.beta, $0.initialSigma) = (.map, 0.03, 0.2, 1e-4)
    }
    #expect(result.objective == "map" && result.alpha == 0.03 && result.beta == 0.2)
    #expect(result.sigma == 0 && result.kappa == 1 && result.validation == nil)
    let seconds = try #require(result.trainingSeconds)
    #expect(seconds > 0 && seconds < result.seconds)
    let saved = try table.saved("map")
    // From scratch the prior's mean is 0.
    var penalty = 0.0
    for (slice, values) in zip(saved.network.layout.slices, saved.state.parameters) {
      let strength = slice.group == .head ? 0.2 : 0.03
      penalty += 0.5 * strength * values.reduce(0.0) { $0 + Double($1) * Double($1) }
    }
    #expect(abs(result.kl / Double(result.n) / penalty - 1) < 1e-6)
    let data = try table.images(.train, like: saved)
    let metrics = try saved.model(device: .cpu).metrics(of: data, batchSize: 8)
    #expect(abs(-result.logLikelihood / Double(result.n) / metrics.nll - 1) < 1e-5)
    #expect(abs(result.loss - (metrics.nll + penalty)) < 1e-5)
    let lambda = try #require(result.lambda)
    #expect(abs(1 / (lambda * Double(result.n)) - 0.03) < 1e-12)
    // The head began at random, as published.
    let configuration = try RunFolder(table.folder.path("map")).readConfiguration()
    #expect(configuration.headInitialization == .uniform && configuration.objective == .map)
  }

  /// Without a penalty a step is that of maximum likelihood, bit for bit.
  @Test func withoutAPenaltyItIsMaximumLikelihood() throws {
    let table = try TableRun()
    let map = try table.run("map") { ($0.objective, $0.initialSigma) = (.map, 1e-4) }
    #expect(map.lambda == nil && map.tau == nil && map.kl == 0 && map.alpha == 0 && map.beta == 0)
    _ = try table.run("likelihood") { ($0.prior, $0.headInitialization, $0.initialSigma) = (.none, .uniform, 1e-4) }
    let (found, expected) = (try table.saved("map").state, try table.saved("likelihood").state)
    #expect(found.parameters == expected.parameters && found.buffers == expected.buffers)
  }

  /// A strong penalty keeps the weights where it wants them.
  @Test func thePenaltyShrinks() throws {
    let table = try TableRun()
    func norm(_ alpha: Double) throws -> Double {
      _ = try table.run("\(alpha)") {
        ($0.objective, $0.alpha, $0.initialSigma) = (.map, alpha, 1e-4)
        ($0.steps, $0.learningRate) = (60, .fixed(0.1))
      }
      let saved = try table.saved("\(alpha)")
      return Golden.norm(
        zip(saved.network.layout.slices, saved.state.parameters).filter { $0.0.group == .backbone }
          .flatMap { $0.1.map(Double.init) })
    }
    #expect(try norm(3) < 0.8 * norm(0))
  }

  /// What is held out is in neither N nor training, and `validation` is its metrics at the saved model.
  @Test(arguments: [ObjectiveKind.map, .deELBO]) func theHeldOutPartIsMeasuredOnly(objective: ObjectiveKind) throws {
    let table = try TableRun()
    func run(_ out: String, _ holdOut: Double?) throws -> FineTuneResult {
      try table.run(out) {
        ($0.objective, $0.holdOut, $0.seed) = (objective, holdOut, 5)
        if objective == .map { $0.initialSigma = 1e-4 }
      }
    }
    let (result, whole) = (try run("part", 0.2), try run("whole", nil))
    let dataset = try Dataset.open(table.table, options: Dataset.Options())
    let all = try #require(dataset.splits[.train])
    let parts = try dataset.holdingOut(Int((0.2 * Double(all.count)).rounded()), seed: 5)
    #expect(result.n == parts.kept.count && whole.n == all.count && whole.validation == nil)
    let saved = try table.saved("part")
    func data(_ examples: [Example]) throws -> ExampleBatches {
      ExampleBatches(try ImageStore(examples, preprocessing: #require(saved.preprocessing)), device: .cpu)
    }
    let model = try saved.model(device: .cpu)
    let metrics = try model.metrics(of: data(parts.heldOut), batchSize: 8)
    let validation = try #require(result.validation)
    #expect(abs(validation.nll - metrics.nll) < 1e-5 && validation.accuracy == metrics.accuracy)
    #expect(validation.confusion?.joined().reduce(0, +) == parts.heldOut.count)
    if objective == .map {
      let nll = try model.metrics(of: data(parts.kept), batchSize: 8).nll
      #expect(abs(-result.logLikelihood / Double(result.n) - nll) < 1e-5)
    }
    // BatchNorm's statistics are those of the part that is trained on.
    let images = try data(parts.kept)
    try model.reestimateBatchNorm(on: images, batchSize: 8, seed: 5)
    for (buffer, kept) in zip(model.buffers, saved.state.buffers) {
      #expect(Golden.relativeError(try buffer.doubles(), kept.map(Double.init)) < 1e-5)
    }
  }

  /// `--train head` with MAP: features are computed once for what is held out, too.
  @Test func linearProbingHoldsOut() throws {
    let table = try TableRun()
    let weights = Golden.packageRoot.appendingPathComponent("Examples/digits/resnet8-digits-0-4.safetensors").path
    func run(_ out: String, _ memory: Int?) throws -> FineTuneResult {
      try table.run(out) {
        ($0.objective, $0.beta, $0.holdOut, $0.initialSigma) = (.map, 0.01, 0.2, 1e-4)
        ($0.weights, $0.train, $0.featureMemory) = (weights, .head, memory)
      }
    }
    let (cached, computed) = (try run("cached", nil), try run("computed", 0))
    #expect(cached.alpha == 0 && cached.beta == 0.01 && cached.lambda == nil && cached.d == 65 * 3)
    let (a, b) = (try #require(cached.validation), try #require(computed.validation))
    #expect(abs(a.nll - b.nll) < 1e-4)
  }

  /// MAP of numbers learns the noise, and measures what is held out.
  @Test func regressionHoldsOut() throws {
    let folder = ScratchFolder()
    let images = Golden.packageRoot.appendingPathComponent("Tests/golden/images/files").path
    let names = [
      "rgb.png", "rgb_444.jpg", "sharp.png", "progressive.jpg", "soft.png", "gray.jpg", "palette8.png", "gray8.png",
    ]
    let rows = names.enumerated().map { "\(images)/\($1),\(10 * $0)\n" }
    try ("path,value\n" + rows.joined()).write(toFile: folder.path("v.csv"), atomically: true, encoding: .utf8)
    var options = FineTuneOptions(data: folder.path("v.csv"), model: "resnet8", weights: nil, out: folder.path("run"))
    (options.size, options.steps, options.batchSize, options.learningRate) = (16, 3, 4, .fixed(0.01))
    (options.device, options.threads, options.objective, options.holdOut) = (.cpu, 1, .map, 0.25)
    let result = try FineTuner(options).run()
    #expect(result.n == 6 && result.validation == nil)

    let parts = try Dataset.open(options.data).holdingOut(2, seed: 0)
    #expect(parts.kept.count == 6 && parts.heldOut.count == 2)
    let saved = try SavedModel(run: RunFolder(folder.path("run")))
    let model = try saved.model(device: .cpu)
    // In the unit of what is trained on; what is held out has no part in it.
    let scale = PlainScale(parts.kept.compactMap(\.value))
    func errors(_ examples: [Example], noise: Double) throws -> PlainErrors {
      let store = try ImageStore(examples, preprocessing: #require(saved.preprocessing))
      var outputs: [Double] = []
      try withoutGrad {
        try ExampleBatches(store, device: .cpu).forEachEvaluationBatch(atMost: 8) { images, _ in
          outputs += try model(images, mode: .evaluation).doubles()
        }
      }
      let variances = [Double](repeating: noise * noise, count: examples.count)
      return PlainErrors(scale(outputs), variances: variances, examples.compactMap(\.value))
    }
    let noise = try #require(result.noise)
    let (kept, heldOut) = (try errors(parts.kept, noise: noise), try errors(parts.heldOut, noise: noise))
    // The best noise for what is trained on is the root of its mean squared error.
    #expect(abs(noise / kept.rmse - 1) < 1e-4)
    let validation = try #require(result.validationRegression)
    #expect(validation.distance(from: heldOut) < 5e-3, "\(validation), by hand \(heldOut)")
  }
}

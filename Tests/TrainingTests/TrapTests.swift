import Backbones
import Datasets
import Evidence
import Foundation
import TestSupport
import Testing
import Torch
import Training
import Weights

/// The traps of training and evaluation, one test each; Traps.md in Evidence's documentation lists them all.
@Suite struct TrapTests {
  init() throws { try Runtime.setThreads(1) }

  /// σ's path, in its own clipping group and in the weights', is that of its closed-form gradient on plain numbers.
  @Test(arguments: SigmaUpdate.allCases) func sigmaIsClippedKnowinglyAndFollowsItsClosedForm(update: SigmaUpdate) throws
  {
    let layout = try Backbone.named("resnet8").makeNetwork(classes: 3).layout
    let vector = try ParameterVector(layout: layout, dtype: .float64)
    let far = layout.slices.map { [Double](repeating: $0.group == .head ? 0.02 : 0.5, count: $0.count) }
    let posterior = try GaussianPosterior(
      mean: Tensor(layout.vector(far), shape: [layout.paddedCount]), blocks: vector.blocks)
    let objective = DataEmphasizedELBO.l2SP(layout: layout, pretrained: nil, examples: 40)
    let optimizer = try NesterovSGD(for: posterior, sigmaUpdate: update)
    let (backbone, head) = (Double(layout.backboneCount), Double(layout.headCount))
    let (a, v) = (0.25 * backbone, 4e-4 * head)
    var (rho, velocity) = (log(expm1(1e-4)), 0.0)
    var (clipped, lastSigma) = (0, 0.0)
    for step in 0..<120 {
      let noise = Noise.drawn(NormalDraws(seed: 1, step: UInt64(step)))
      let divergences = try objective.sample(posterior, noise, into: vector)
      // No data: the gradient that backward left is zero, and the mean stays as its rate is 0.
      let gradient = try objective.gradient(nll: 0, at: noise, of: posterior, divergences, in: vector)
      _ = try optimizer.step(posterior, gradient, in: vector, learningRate: 0, rhoLearningRate: 0.03)

      let sigma = log1p(exp(rho))
      let (lambda, tau) = (a / backbone + sigma * sigma, v / head + sigma * sigma)
      let c = 1 / (backbone + head)
      let slope = -c * (a / lambda + v / tau) / sigma * -expm1(-sigma)
      let others = c * c * (a / (lambda * lambda) + v / (tau * tau))
      if update == .own {
        velocity = max(-10, 0.9 * velocity + slope)
        clipped += slope + 0.9 * velocity < -1 ? 1 : 0
        rho -= 0.03 * max(-1, slope + 0.9 * velocity)
      } else {
        let limit = 1 / ((others + slope * slope).squareRoot() + 1e-6)
        clipped += limit < 1 ? 1 : 0
        velocity = 0.9 * velocity + min(1, limit) * slope
        rho -= 0.03 * (min(1, limit) * slope + 0.9 * velocity)
      }
      #expect(abs(posterior.rho[0] / rho - 1) < 1e-9, "step \(step)")
      lastSigma = sigma
    }
    // Without data the slope is −1 as long as σ is small: with its momentum beyond its own limit in every step, and
    // just at the shared group's limit of 1, beyond which the weights' small gradient lifts it in the first steps only.
    #expect(update == .own ? clipped == 120 : (1...10).contains(clipped), "\(clipped)")
    #expect(lastSigma > 1.3e-4)
  }

  /// What σ and τ are after enough steps is hardly changed by twice as many: of a head alone, whose scale no BatchNorm
  /// leaves open, by the default way and, with enough samples that no clipped gradient is biased, by the published one.
  @Test(arguments: [(SigmaUpdate.own, 1), (.published, 8)])
  func doublingTheStepsChangesSigmaLittle(update: SigmaUpdate, samples: Int) throws {
    let table = try TableRun()
    func run(_ steps: Int) throws -> FineTuneResult {
      try table.run("\(steps)") {
        $0.weights = Golden.packageRoot.appendingPathComponent("Examples/digits/resnet8-digits-0-4.safetensors").path
        ($0.train, $0.steps, $0.learningRate, $0.batchSize) = (.head, steps, .fixed(0.06), nil)
        ($0.samples, $0.sigmaUpdate, $0.initialSigma) = (samples, update, 1e-2)
      }
    }
    let (once, twice) = (try run(800), try run(1600))
    #expect(once.sigma > 10 * 1e-2, "σ is where it started")
    for (name, a, b) in [("σ", once.sigma, twice.sigma), ("τ", try #require(once.tau), try #require(twice.tau))] {
      print("\(name) is \(a) after 800 steps, \(b) after 1600")
      #expect(abs(b / a - 1) < 0.2, "\(name)")
    }
    #expect(abs(twice.loss / once.loss - 1) < 0.02)
  }

  /// A draw that is normalised by the mean's running statistics is another network: far worse than the one that was
  /// trained, which sees its own.
  @Test func drawsAreNormalisedByTheirOwnStatistics() throws {
    let table = try TableRun()
    func nll(_ statistics: DrawStatistics) throws -> Double {
      let result = try table.run(statistics.rawValue) {
        ($0.steps, $0.learningRate, $0.drawStatistics) = (200, .fixed(0.1), statistics)
      }
      return -result.logLikelihood / Double(result.n)
    }
    let (own, mean) = (try nll(.own), try nll(.mean))
    print("mean NLL of draws by their own statistics \(own), by the mean's \(mean)")
    #expect(own < 0.5 * mean)
    // The same posterior: how draws are judged does not change training.
    let models = try DrawStatistics.allCases.map {
      try Data(contentsOf: URL(fileURLWithPath: table.folder.path("\($0.rawValue)/model.safetensors")))
    }
    #expect(models[0] == models[1])
  }

  /// The saved running statistics are those of the images at the saved mean, not what noisy passes left behind.
  @Test func batchNormStatisticsAreThoseOfThePosteriorMean() throws {
    let table = try TableRun(images: 40)
    let examples = try Dataset.open(table.table, options: Dataset.Options()).splits[.train]?.count ?? 0
    // One batch, so that the average is that batch's.
    _ = try table.run("run") { ($0.batchSize, $0.learningRate) = (examples, .fixed(0.1)) }
    let saved = try table.saved("run")
    let data = try table.images(.train, like: saved)
    #expect(data.count == examples)
    let (images, _) = try data.batch((0..<examples).map { (index: $0, epoch: 0) }, augmentation: nil)
    // The first layer by float64 sums over the first convolution's outputs.
    let kernel = try Tensor(saved.state.parameters[0], shape: saved.network.layout.slices[0].shape).to(dtype: .float64)
    let outputs = try images.to(dtype: .float64).conv2d(kernel, padding: 1).permute([1, 0, 2, 3]).contiguous()
    let (channels, values) = (outputs.shape[0], try outputs.doubles())
    let count = values.count / channels
    for channel in 0..<channels {
      let part = values[channel * count..<(channel + 1) * count]
      let mean = part.reduce(0, +) / Double(count)
      let variance = part.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count - 1)
      #expect(abs(Double(saved.state.buffers[0][channel]) - mean) < 1e-5)
      #expect(abs(Double(saved.state.buffers[1][channel]) / variance - 1) < 1e-4)
    }
    // All layers by one pass at the mean.
    let model = try saved.model(device: .cpu)
    _ = try withoutGrad { try model(images, mode: .training(momentum: 1)) }
    for (buffer, kept) in zip(model.buffers, saved.state.buffers) {
      #expect(Golden.relativeError(try buffer.doubles(), kept.map(Double.init)) < 1e-4)
    }
  }

  /// 13 steps of 8 among about 45 examples are two epochs and a part: all 13 are taken, and the cosine ends with them.
  @Test(arguments: [1, 13]) func exactlyTheAskedNumberOfSteps(steps: Int) throws {
    let table = try TableRun()
    let result = try table.run("run") { $0.steps = steps }
    #expect(result.n % 8 != 0 && result.steps == steps)
    let found = table.steps("run")
    #expect(found.map(\.step) == Array(1...steps))
    for (step, lr) in found {
      let expected = 0.01 * (1 + cos(.pi * Double(step - 1) / Double(steps)))
      #expect(abs(lr - expected) < 1e-15 && lr > 0)
    }
  }

  /// `seconds` is what passes from the call to the saved model: decoding, all learning rates and test metrics included.
  @Test func timeIsWallTimeFromStartToModel() throws {
    let table = try TableRun()
    let start = ContinuousClock.now
    var (isDecoded, sinceLast) = (false, ContinuousClock.now)
    let result = try FineTuner(table.options("run") { $0.learningRate = .grid }).run { event in
      sinceLast = .now
      // Time before the first step counts like any other.
      if case .decoding = event, !isDecoded {
        isDecoded = true
        Thread.sleep(forTimeInterval: 0.4)
      }
    }
    let wall = (ContinuousClock.now - start) / .seconds(1)
    let trained = (sinceLast - start) / .seconds(1)
    #expect(isDecoded && result.lrCandidates.count == 4)
    #expect(result.seconds <= wall && result.seconds >= trained && result.seconds > 0.4)
    #expect(result.seconds > result.lrCandidates.reduce(0.4) { $0 + $1.seconds })
  }

  /// The backbone's own mean and standard deviation, by channel, and not any of the images'.
  @Test func standardisationIsTheBackbonesOwn() throws {
    let imageNet = try Backbone.named("resnet50").normalization
    #expect(imageNet.mean == [0.485, 0.456, 0.406] && imageNet.std == [0.229, 0.224, 0.225])
    let table = try TableRun()
    _ = try table.run("run") { $0.steps = 1 }
    let saved = try table.saved("run")
    let own = try Backbone.named("resnet8").normalization
    #expect(saved.preprocessing?.mean == own.mean.map(Double.init))
    #expect(saved.preprocessing?.std == own.std.map(Double.init))
    // Gray images: one is dark and even, one has all contrast there is.
    let dark = [UInt8](repeating: 10, count: 16 * 16 * 3)
    let sharp = (0..<256).flatMap { [UInt8](repeating: $0 % 2 == 0 ? 0 : 255, count: 3) }
    let examples = [dark, sharp].map {
      Example(source: .pixels(RGBImage(height: 16, width: 16, pixels: $0)), label: 0)
    }
    var preprocessing = try #require(saved.preprocessing)
    preprocessing.resizeSize = 16
    let data = ExampleBatches(try ImageStore(examples, preprocessing: preprocessing), device: .cpu)
    let (images, _) = try data.batch([(index: 0, epoch: 0), (index: 1, epoch: 0)], augmentation: nil)
    let found = try images.contiguous().doubles()
    for (image, pixels) in [dark, sharp].enumerated() {
      for channel in 0..<3 {
        for place in 0..<256 {
          let expected =
            (Double(pixels[3 * place + channel]) / Double(own.divisor) - Double(own.mean[channel]))
            / Double(own.std[channel])
          #expect(abs(found[(image * 3 + channel) * 256 + place] - expected) < 1e-5)
        }
      }
    }
  }

  /// N counts examples, whatever the batches are: 11 of them in batches of 4, of 11 and of 3.
  @Test(arguments: [3, 4, 11]) func examplesAreCountedNotDictionaryKeys(batchSize: Int) throws {
    let bench = try Bench(count: 11)
    let model = try bench.model()
    let rows = try model.logProbabilities(of: bench.data, batchSize: 1)
    #expect(rows.count == 33)
    let sum = bench.data.labels.enumerated().reduce(0) { $0 + rows[3 * $1.offset + $1.element] }
    #expect(abs(try model.metrics(of: bench.data, batchSize: batchSize).nll + sum / 11) < 1e-5)
    let posterior = try GaussianPosterior(mean: bench.weights(), blocks: model.vector.blocks, sigma: 1e-9)
    let objective = DataEmphasizedELBO.l2SP(layout: bench.network.layout, pretrained: nil, examples: 11)
    let found = try model.estimateEvidence(
      objective, posterior: posterior, on: bench.data, seed: 1, samples: 2, batchSize: batchSize, statistics: .mean)
    #expect(abs(found.logLikelihood / sum - 1) < 1e-5)
    #expect(abs(found.loss - (-found.logLikelihood / 11 + found.kl / Double(bench.network.layout.count))) < 1e-9)
  }

  /// Whatever was learned beside it, `model.safetensors` has the names and shapes of PyTorch's model, and no others.
  @Test(arguments: GaussianPosterior.Family.allCases)
  func savedMeanLoadsUnderPyTorchsNames(family: GaussianPosterior.Family) throws {
    let table = try TableRun()
    _ = try table.run("run") { ($0.steps, $0.posterior) = (2, family) }
    let file = try SafetensorsFile(path: table.folder.path("run/model.safetensors"))
    var expected = ["conv1.weight": [16, 3, 3, 3], "linear.weight": [3, 64], "linear.bias": [3]]
    func norm(_ name: String, _ channels: Int) {
      for part in ["weight", "bias", "running_mean", "running_var"] { expected["\(name).\(part)"] = [channels] }
      expected["\(name).num_batches_tracked"] = []
    }
    norm("bn1", 16)
    for (layer, inputs, outputs) in [(1, 16, 16), (2, 16, 32), (3, 32, 64)] {
      expected["layer\(layer).0.conv1.weight"] = [outputs, inputs, 3, 3]
      expected["layer\(layer).0.conv2.weight"] = [outputs, outputs, 3, 3]
      norm("layer\(layer).0.bn1", outputs)
      norm("layer\(layer).0.bn2", outputs)
    }
    #expect(Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0.shape) }) == expected)
  }
}

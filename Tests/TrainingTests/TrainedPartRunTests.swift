import Backbones
import Datasets
import Foundation
import Testing
import Torch
import Training
import Weights

/// Whole runs of which only a part is trained, on images of three classes that a formula makes.
@Suite struct TrainedPartRunTests {
  private final class Place {
    let folder: String
    private let weights: String

    init() throws {
      let url = FileManager.default.temporaryDirectory.appendingPathComponent("gridless-\(UUID())")
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
      folder = url.path
      weights = "\(folder)/weights.safetensors"
      let network = try Backbone.named("resnet8").makeNetwork(classes: 5)
      try Safetensors.write(network.namedArrays(network.initialState(seed: 3)), metadata: [:], to: weights)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Options on so many images, in the layout of the digits' table.
    func options(_ part: TrainedPart, out: String, images: Int = 30) throws -> FineTuneOptions {
      let rows = (0..<images).map { image in
        ((0..<64).map { "\(($0 * (image % 3 + 2) + image * 5) % 17)" } + ["\(image % 3)"]).joined(separator: ",")
      }
      let table = "\(folder)/table.csv"
      try rows.joined(separator: "\n").write(toFile: table, atomically: true, encoding: .utf8)
      var options = FineTuneOptions(data: table, model: "resnet8", weights: weights, out: "\(folder)/\(out)")
      (options.size, options.steps, options.batchSize, options.learningRate) = (16, 12, 8, .fixed(0.02))
      (options.device, options.threads, options.initialSigma) = (.cpu, 1, 2e-3)
      (options.train, options.augmentation) = (part, .none)
      return options
    }

    /// The options' run, its losses and its notes.
    func run(
      _ options: FineTuneOptions
    ) throws -> (result: FineTuneResult, losses: [Double], notes: [String]) {
      var (losses, notes) = ([Double](), [String]())
      let result = try FineTuner(options).run { event in
        if case .step(let step) = event { losses.append(step.terms.loss) }
        if case .note(let note) = event { notes.append(note) }
      }
      return (result, losses, notes)
    }
  }

  /// Kept features, and features that do not fit, give the same run; as on a GPU, too.
  @Test(arguments: [TrainedPart.head, .from("layer3")], [false, true])
  func cachedRunsAgreeWithOthers(part: TrainedPart, asOnGPU: Bool) throws {
    let place = try Place()
    var options = try place.options(part, out: "kept")
    options.trainsAsOnGPU = asOnGPU
    let kept = try place.run(options)
    #expect(kept.notes.allSatisfy { !$0.contains("computed") })
    options.out += "-not"
    options.featureMemory = 100
    let other = try place.run(options)
    #expect(other.notes.contains { $0.contains("computed anew in every step") && $0.contains("(100 bytes)") })
    #expect(kept.losses.count == 12)
    for (a, b) in zip(kept.losses, other.losses) { #expect(abs(a / b - 1) < 1e-5) }
    #expect(abs(kept.result.loss / other.result.loss - 1) < 1e-5)
    let tests = try (#require(kept.result.test), #require(other.result.test))
    #expect(abs(tests.0.nll / tests.1.nll - 1) < 1e-5)
  }

  /// A saved model has the pretrained values where nothing was trained, and is evaluated as a whole.
  @Test func aSavedModelIsWhole() throws {
    let place = try Place()
    let options = try place.options(.from("layer3"), out: "run")
    let result = try place.run(options).result
    let saved = try SavedModel(run: RunFolder(options.out))
    let layout = saved.network.layout
    let start = try SafetensorsFile(path: #require(options.weights))
    for (slice, values) in zip(layout.slices, saved.state.parameters) where slice.group != .head {
      #expect(try (values == start.floats(slice.name)) == !slice.name.hasPrefix("layer3."), "\(slice.name)")
    }
    #expect(layout.count == result.d)
    let metrics = try #require(try saved.evaluate(data: options.data, split: .test, device: .cpu).classification)
    #expect(abs(metrics.nll / (try #require(result.test).nll) - 1) < 1e-5)
    #expect(try RunFolder(options.out).readConfiguration().train == .from("layer3"))
  }

  /// Linear probing counts the head alone, and κ may be less than 1; it never augments, and says so.
  @Test func linearProbingCountsTheHead() throws {
    let place = try Place()
    var options = try place.options(.head, out: "run", images: 480)
    (options.steps, options.augmentation) = (2, .cropAndFlip)
    let (result, _, notes) = try place.run(options)
    #expect(result.d == 3 * 65)
    #expect(result.n > 195)
    #expect(result.kappa == 195 / Double(result.n))
    #expect(result.lambda == nil && result.loss.isFinite && result.kl.isFinite)
    #expect(try #require(result.tau) > 0)
    #expect(notes.contains("augmentation is off: with --train head the features of every image are computed once"))
    #expect(try RunFolder(options.out).readConfiguration().augmentation == Augmentation.Kind.none)
  }

  /// Where images are augmented features change, and none are kept.
  @Test func augmentationForbidsKeptFeatures() throws {
    let place = try Place()
    var options = try place.options(.from("layer3"), out: "plain")
    let plain = try place.run(options)
    (options.out, options.augmentation) = (options.out + "-crop", .crop)
    let cropped = try place.run(options)
    #expect(plain.losses != cropped.losses)
    #expect(cropped.notes.isEmpty && plain.notes.isEmpty)
  }

  /// A run that is stopped goes on with the undisturbed run's bytes.
  @Test(arguments: [TrainedPart.head, .from("layer2.0.conv2")]) func runsGoOn(part: TrainedPart) throws {
    let place = try Place()
    try FineTuner(place.options(part, out: "a")).run()
    let interruption = Interruption()
    #expect(throws: TrainingError.self) {
      try FineTuner(place.options(part, out: "b")).run(interruption: interruption) {
        if case .step(let step) = $0, step.step == 5 { interruption.request() }
      }
    }
    try FineTuner(place.options(part, out: "b")).run()
    for file in ["metrics.jsonl", "model.safetensors"] {
      let bytes = try ["a", "b"].map { try Data(contentsOf: URL(fileURLWithPath: "\(place.folder)/\($0)/\(file)")) }
      #expect(bytes[0] == bytes[1], "\(file)")
    }
  }

  /// Both are told before the data is looked at.
  @Test func whatMakesNoSenseIsRefused() throws {
    var options = FineTuneOptions(data: "nowhere", model: "resnet8", weights: nil, out: "nowhere/run")
    options.train = .head
    let error = try #require(throws: TrainingError.self) { try FineTuner(options).run() }
    #expect(error.description.contains("--train head: without pretrained weights what is not trained would be random"))
    (options.train, options.weights) = (.from("layer4"), "nowhere.safetensors")
    #expect(throws: UnknownLayer.self) { try FineTuner(options).run() }
  }
}

import Foundation
import Gridless
import TestSupport
import Testing

/// `gridless prior`, as a user calls it.
@Suite struct MakePriorTests {
  /// The arguments of a SWAG run of ten steps; later ones override.
  private static func tiny(_ arguments: String...) -> [String] {
    ["prior", "data", "--model", "resnet8", "--weights", "start.safetensors", "--out", "prior.safetensors"]
      + ["--size", "16", "--batch-size", "4", "--epochs", "5", "--columns", "3", "--device", "cpu", "--threads", "1"]
      + arguments
  }

  private static func place() throws -> Workplace {
    let place = try Workplace()
    try place.writeData()
    try place.writeCheckpoint("start.safetensors")
    return place
  }

  private func run(_ place: Workplace, _ arguments: [String]) throws -> Outcome {
    try Command.run(arguments, in: place.path)
  }

  @Test func itsPriorIsRead() throws {
    let place = try Self.place()
    let outcome = try run(place, Self.tiny("--json"))
    let result = try outcome.result()
    #expect(
      Set(result.keys) == ["event", "prior", "model", "method", "columns", "d", "rms_deviation", "seconds", "training"])
    #expect(result["event"] as? String == "prior" && result["method"] as? String == "swag")
    let training = try #require(result["training"] as? [String: Double])
    #expect(training["n"] == 8 && training["steps"] == 10 && training["collected"] == 5)
    #expect(outcome.errors.contains("step 10/10  NLL ") && !outcome.errors.contains("starts fresh"))

    let file = try PriorFile(path: place.absolute("prior.safetensors"))
    #expect(file.columns == 3 && file.origin["lr"] == "0.01" && file.origin["collect_every"] == "2")
    let network = try Backbone.named("resnet8").makeNetwork(classes: 7)
    let prior = try file.prior(for: network)
    #expect(prior.buffers != nil && prior.variance.contains { $0 > 0 })
    // The variance is that of all five; the last deviation is among them.
    let start = try SafetensorsFile(path: place.absolute("start.safetensors")).floats("conv1.weight")
    let mean = try SafetensorsFile(path: place.absolute("prior.safetensors")).floats("mean/conv1.weight")
    #expect(start != mean && zip(start, mean).allSatisfy { abs($0 - $1) < 0.5 })

    // Equal runs give equal files, and the first is not replaced unasked.
    let bytes = try place.contents("prior.safetensors")
    let refused = try run(place, Self.tiny())
    #expect(refused.status == 1 && refused.errors.contains("prior.safetensors: is there already"))
    #expect(try run(place, Self.tiny("--overwrite", "--quiet")).errors.isEmpty)
    #expect(try place.contents("prior.safetensors") == bytes)
  }

  /// PyTorch's files are weights, too; a head for other classes is replaced.
  @Test func aPersonReadsTheResult() throws {
    let place = try Self.place()
    let network = try Backbone.named("resnet8").makeNetwork(classes: 5)
    let state = network.initialState(seed: 1)
    let arrays =
      zip(network.layout.slices, state.parameters).map { ($0.name, $0.shape, $1) }
      + zip(network.buffers.slices, state.buffers).map { ($0.name, $0.shape, $1) }
    try place.write("start.pth", Pickle.file(arrays))
    let outcome = try run(
      place, Self.tiny("--weights", "start.pth", "--steps", "6", "--burn-in", "1", "--collect-every", "1"))
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("note: the weights have no head for 2 classes: it starts fresh"))
    for word in ["model", "covariance", "source", "at the mean", "time", "prior"] {
      #expect(outcome.lines.contains { $0.hasPrefix(word) })
    }
    #expect(outcome.output.contains("6 of 8 steps collected"))
  }

  /// Priors are those of networks that name classes of images.
  @Test func valuesAndTextsAreRefused() throws {
    let place = try Self.place()
    try place.write("values.csv", Data("path,value\na.jpg,1\nb.jpg,2\n".utf8))
    try place.write("texts.csv", Data("text,label\na,x\nb,y\n".utf8))
    for (data, says) in [("values.csv", "holds images with values"), ("texts.csv", "holds texts")] {
      let arguments = Self.tiny()
      let outcome = try run(place, [arguments[0], data] + arguments.dropFirst(2))
      #expect(outcome.status == 64 && outcome.errors.contains("\(data): \(says), and a prior"), "\(outcome.errors)")
    }
  }

  /// What the files beside the weights say goes with the prior: to a run that starts from its mean, or beside other
  /// weights.
  @Test func epsilonAndNormalizationStayWithThePrior() throws {
    let place = try Workplace()
    try place.writeData()
    let model = "tf_mobilenet_v2"
    try place.makeFolder("hub")
    try place.writeCheckpoint("hub/start.safetensors", of: model)
    try place.write("hub/config.json", Data(#"{"model_type":"mobilenet_v2","layer_norm_eps":0.25}"#.utf8))
    try place.write(
      "hub/preprocessor_config.json", Data(#"{"image_mean":[0.25,0.25,0.25],"image_std":[0.5,0.5,0.5]}"#.utf8))
    let made = try run(
      place,
      Self.tiny(
        "--model", model, "--weights", "hub/start.safetensors", "--size", "32", "--steps", "3", "--collect-every", "1"))
    #expect(made.status == 0, "\(made.errors)")
    let prior = try PriorFile(path: place.absolute("prior.safetensors"))
    #expect(prior.eps == 0.25 && prior.normalization?.mean == [0.25, 0.25, 0.25])
    #expect(prior.origin["norm_eps"] == nil && prior.origin["normalization"] == nil)

    let ptyl = [
      "--model", model, "--size", "32", "--steps", "1", "--prior", "ptyl", "--prior-file", "prior.safetensors",
    ]
    let alone = try Command.run(Workplace.tiny("data", ptyl + ["--out", "alone"]), in: place.path)
    #expect(alone.status == 0, "\(alone.errors)")
    let metadata = try SafetensorsFile(path: place.absolute("alone/model.safetensors")).metadata
    #expect(metadata["norm_eps"] == "0.25" && metadata["preprocessing"]?.contains("[0.25,0.25,0.25]") == true)

    // The weights decide where they say other, and a note tells.
    try place.copy("hub/start.safetensors", to: "plain.safetensors")
    let both = try Command.run(
      Workplace.tiny("data", ptyl + ["--weights", "plain.safetensors", "--out", "both"]), in: place.path)
    #expect(both.status == 0, "\(both.errors)")
    #expect(both.errors.contains("made with the ε 0.25 of the normalisation layers; training uses that of the weights"))
    #expect(both.errors.contains("made with pixels that were normalised in another way"))
    #expect(try SafetensorsFile(path: place.absolute("both/model.safetensors")).metadata["norm_eps"] == nil)
  }

  @Test func divergenceIsToldAndNothingIsWritten() throws {
    let place = try Self.place()
    let outcome = try run(place, Self.tiny("--lr", "1e30"))
    #expect(outcome.status == 1 && outcome.errors.contains("with learning rate 1e+30. Pass a smaller --lr"))
    #expect(!FileManager.default.fileExists(atPath: place.absolute("prior.safetensors")))
  }

  @Test func publishedFilesAreImported() throws {
    let place = try Workplace()
    let network = try Backbone.named("resnet8").makeNetwork(classes: 1)
    let slices = network.layout.slices.filter { $0.group == .backbone }
    let count = network.layout.backboneCount
    try place.write(
      "model.pt", Pickle.file(slices.map { ($0.name, $0.shape, [Float](repeating: 1, count: $0.count)) }))
    try place.write("mean.pt", Pickle.file([("", [count], [Float](repeating: 1, count: count))]))
    try place.write("variance.pt", Pickle.file([("", [count], [Float](repeating: 2, count: count))]))
    try place.write("covmat.pt", Pickle.file([("", [6, count], [Float](repeating: 3, count: 6 * count))]))
    let arguments = [
      "prior", "--import-mean", "mean.pt", "--import-variance", "variance.pt", "--import-covariance", "covmat.pt",
      "--model", "resnet8", "--out", "prior.safetensors",
    ]
    let refused = try run(place, arguments)
    #expect(refused.status == 1 && refused.errors.contains("mean.pt: a tensor without names"))
    let outcome = try run(place, arguments + ["--weights", "model.pt", "--columns", "5", "--json"])
    let result = try outcome.result()
    #expect(result["method"] as? String == "import" && result["columns"] as? Int == 5)
    #expect(outcome.errors.contains("no running statistics"))
    let prior = try PriorFile(path: place.absolute("prior.safetensors")).prior(for: network)
    #expect(prior.deviations.count == 5 && prior.buffers == nil && prior.mean.first == 1)
  }

  @Test func wrongUsageIsTold() throws {
    let place = try Self.place()
    let basis = ["prior", "--model", "resnet8", "--out", "p.safetensors"]
    for (arguments, message) in [
      (basis, "the source data is missing"),
      (basis + ["data"], "--weights is missing"),
      (basis + ["--import-mean", "m.pt"], "belong together, 1 of 3 are given"),
      (
        Self.tiny("--import-mean", "a", "--import-variance", "b", "--import-covariance", "c"), "an import needs no data"
      ),
      (Self.tiny("--weights", "none"), "--weights none: a prior is made from pretrained weights. Name a checkpoint."),
      (
        basis + [
          "--import-mean", "a", "--import-variance", "b", "--import-covariance", "c", "--epochs", "3", "--augment",
          "none",
        ],
        "--epochs, --augment with --import-mean: an import does not train"
      ),
      (Self.tiny("--columns", "1"), "--columns 1: expected at least 2"),
      (Self.tiny("--columns", "6"), "--columns 6: 10 steps collect 5 times, once in 2"),
      (Self.tiny("--batch-size", "9"), "--batch-size 9: expected 2 to the 8"),
      (Self.tiny("--lr", "-1"), "--lr -1.0: expected a positive number"),
      (Self.tiny("--collect-every", "0"), "--collect-every 0"),
      (Self.tiny("--model", "resnet9"), "model 'resnet9': no such backbone"),
    ] {
      let outcome = try run(place, arguments)
      #expect(outcome.status == 64, "\(arguments): \(outcome.errors)")
      #expect(outcome.errors.contains(message), "\(outcome.errors)")
    }
    let folder = try run(place, Self.tiny("--out", "absent/p.safetensors"))
    #expect(folder.status == 1 && folder.errors.contains("absent/p.safetensors: cannot be written (no such folder)"))
    let weights = try run(place, Self.tiny("--weights", "absent.pth"))
    #expect(weights.status == 1 && weights.errors.contains("absent.pth: cannot be read"))
  }
}

import Backbones
import Datasets
import Evidence
import Foundation
import Torch
import Weights

/// A fine-tuned network on disk: the posterior mean under PyTorch's names, and what belongs to it.
public struct SavedModel: Sendable {
  /// Where it lies.
  public let run: RunFolder
  /// The posterior's σ.
  let spread: Spread
  /// The backbone and its head; its layout tells which parameters were trained.
  public let network: Network
  /// The posterior mean and the running statistics.
  public let state: StateDict
  /// Class names, in the order of the logits; none where numbers are predicted.
  public let classes: [String]
  /// What the network's outputs say about a target, with the noise that was learned.
  public let likelihood: Likelihood
  /// How images or texts become the network's input.
  public let preparation: InputPreparation
  /// What was done to the images; nil for texts.
  public var preprocessing: Preprocessing? { preparation.preprocessing }

  /// Reads a run folder's `model.safetensors`.
  ///
  /// Throws ``TrainingError/unfinishedRun(path:)`` for a run that has none yet,
  /// ``TrainingError/damagedRun(path:file:reason:)`` for one whose file is gone or damaged,
  /// ``TrainingError/unreadableRun(path:reason:)`` for another folder, and Weights' errors for a file that does not
  /// fit.
  public init(run: RunFolder) throws {
    self.run = run
    guard FileManager.default.fileExists(atPath: run.model) else {
      if FileManager.default.fileExists(atPath: run.summary) { throw run.damaged(run.model, "is missing") }
      if FileManager.default.fileExists(atPath: run.configuration) { throw TrainingError.unfinishedRun(path: run.path) }
      let isFolder = FileManager.default.fileExists(atPath: run.path)
      throw TrainingError.unreadableRun(
        path: run.path, reason: isFolder ? "no model.safetensors: not a finished run" : "no such folder")
    }
    let file = try run.reading(run.model) { try SafetensorsFile(path: $0) }
    func metadata<Value: Decodable>(_ key: String, as type: Value.Type) throws -> Value {
      guard let text = file.metadata[key], let value = try? JSON.decode(type, from: Data(text.utf8)) else {
        throw TrainingError.unreadableRun(path: run.model, reason: "no readable \(key) in the metadata")
      }
      return value
    }
    spread = Spread(file.metadata)
    classes = try metadata(MetadataKey.classes, as: [String].self)
    preparation = try InputPreparation(file.metadata, of: run)
    guard let name = file.metadata[MetadataKey.model] else {
      throw TrainingError.unreadableRun(path: run.model, reason: "no model in the metadata")
    }
    if file.metadata[MetadataKey.likelihood] == "gaussian" {
      likelihood = .gaussian(
        GaussianNoise(
          mean: try metadata(MetadataKey.targetMean, as: Double.self),
          deviation: try metadata(MetadataKey.targetStd, as: Double.self),
          noise: try metadata(MetadataKey.noise, as: Double.self)))
    } else {
      likelihood = .categorical
    }
    // Runs of older versions trained all.
    let part = try file.metadata[MetadataKey.train] == nil ? .all : metadata(MetadataKey.train, as: TrainedPart.self)
    var backbone = try Backbone.named(name)
    if let text = file.metadata[MetadataKey.eps] {
      guard let eps = Double(text), Backbone.isEps(eps) else {
        throw TrainingError.unreadableRun(path: run.model, reason: "\(MetadataKey.eps) \(text) in the metadata")
      }
      backbone.eps = eps
    }
    guard let naming = Naming(rawValue: file.metadata[MetadataKey.naming] ?? "torchvision"),
      let map = backbone.nameMap(naming)
    else { throw TrainingError.unreadableRun(path: run.model, reason: "no readable naming in the metadata") }
    let tensors: any TensorSource = map.changesNothing ? file : RenamedSource(file, map)
    network = try backbone.makeNetwork(
      outputsFor: classes, size: preparation.preprocessing?.size, vocabulary: backbone.vocabularySize(of: tensors),
      training: part)
    state = try network.loadStateDict(tensors, head: .checkpoint)
  }

  /// Writes a posterior mean so that PyTorch's model of that name loads it with `strict=True`: the model of the library
  /// whose names the pretrained weights had.
  ///
  /// λ, τ, σ, κ and the likelihood go to the metadata, which holds no times, hosts or paths: equal runs give equal
  /// files.
  static func write(
    _ best: Candidate, likelihood: Likelihood, kappa: Double, _ configuration: FineTuneConfiguration,
    of network: Network, classes: [String], preparation: InputPreparation, naming: Naming, to run: RunFolder
  ) throws {
    let (posterior, evidence) = (best.posterior, best.evidence)
    if evidence.sigma > 0 {
      let sigma = posterior.rhoVector?.map { Float(GaussianPosterior.sigma(rho: Double($0))) }
      let seed = Streams.evidenceNoise.seed(configuration.seed)
      try DrawsFile(buffers: best.drawBuffers, seed: seed, sigma: sigma).write(to: run.posterior, network: network)
    }
    var metadata = [
      MetadataKey.format: "pt",
      MetadataKey.model: network.backbone.name,
      MetadataKey.naming: naming.rawValue,
      MetadataKey.classes: try JSON.line(classes),
      MetadataKey.lambda: try JSON.line(evidence.lambda),
      MetadataKey.tau: try JSON.line(evidence.tau),
      MetadataKey.sigma: try JSON.line(evidence.sigma),
      MetadataKey.kappa: try JSON.line(kappa),
      MetadataKey.posterior: configuration.posterior.rawValue,
      MetadataKey.train: try JSON.line(configuration.train ?? .all),
      MetadataKey.likelihood: likelihood.name,
      MetadataKey.objective: (configuration.objective ?? .deELBO).rawValue,
    ]
    if let gaussian = likelihood.gaussian {
      metadata[MetadataKey.targetMean] = "\(gaussian.mean)"
      metadata[MetadataKey.targetStd] = "\(gaussian.deviation)"
      metadata[MetadataKey.noise] = "\(gaussian.standardDeviation)"
    }
    let input = try preparation.metadata()
    metadata[input.key] = input.value
    if let eps = network.backbone.unusualEps { metadata[MetadataKey.eps] = "\(eps)" }
    if let sigmas = evidence.sigmaByLayer { metadata[MetadataKey.sigmaByLayer] = try JSON.line(sigmas) }
    let state = StateDict(
      parameters: network.layout.values(ofVector: posterior.mean), buffers: try best.buffers.map { try $0.floats() })
    let arrays = network.namedArrays(state)
    try Safetensors.write(
      network.backbone.nameMap(naming)?.fromTorchvision(arrays) ?? arrays, metadata: metadata, to: run.model)
  }

  /// The network in memory, at the posterior mean.
  public func model(device: Device) throws -> Model {
    // Draws are sampled block by block: the model's are the posterior's.
    try Model(network: network, state: state, device: device, blocks: spread.family.division)
  }
}

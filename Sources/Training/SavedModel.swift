import Backbones
import Datasets
import Evidence
import Foundation
import Torch
import Weights

/// A fine-tuned network on disk: the posterior mean under PyTorch's names, and what belongs to it.
public struct SavedModel: Sendable {
  /// The backbone and its head; its layout tells which parameters were trained.
  public let network: Network
  /// The posterior mean and the running statistics.
  public let state: StateDict
  /// Class names, in the order of the logits.
  public let classes: [String]
  /// What was done to the images.
  public let preprocessing: Preprocessing

  /// Reads a run folder's `model.safetensors`.
  ///
  /// Throws ``TrainingError/unfinishedRun(path:)`` for a run that has none yet,
  /// ``TrainingError/unreadableRun(path:reason:)`` for another folder, and Weights' errors for a file that is damaged or
  /// does not fit.
  public init(run: RunFolder) throws {
    guard FileManager.default.fileExists(atPath: run.model) else {
      if FileManager.default.fileExists(atPath: run.configuration) { throw TrainingError.unfinishedRun(path: run.path) }
      let isFolder = FileManager.default.fileExists(atPath: run.path)
      throw TrainingError.unreadableRun(
        path: run.path, reason: isFolder ? "no model.safetensors: not a finished run" : "no such folder")
    }
    let file = try SafetensorsFile(path: run.model)
    func metadata<Value: Decodable>(_ key: String, as type: Value.Type) throws -> Value {
      guard let text = file.metadata[key], let value = try? JSON.decode(type, from: Data(text.utf8)) else {
        throw TrainingError.unreadableRun(path: run.model, reason: "no readable \(key) in the metadata")
      }
      return value
    }
    classes = try metadata("classes", as: [String].self)
    preprocessing = try metadata("preprocessing", as: Preprocessing.self)
    guard let name = file.metadata["model"] else {
      throw TrainingError.unreadableRun(path: run.model, reason: "no model in the metadata")
    }
    // Runs of older versions trained all.
    let part = try file.metadata["train"] == nil ? .all : metadata("train", as: TrainedPart.self)
    network = try Backbone.named(name).makeNetwork(classes: classes.count, training: part)
    state = try network.loadStateDict(file, head: .checkpoint)
  }

  /// Writes a posterior mean so that PyTorch's model of that name loads it with `strict=True`.
  ///
  /// λ, τ, σ and κ go to the metadata, which holds no times, hosts or paths: equal runs give equal files.
  static func write(
    _ state: StateDict, of network: Network, classes: [String], preprocessing: Preprocessing,
    evidence: EvidenceEstimate, kappa: Double, train: TrainedPart, to path: String
  ) throws {
    try Safetensors.write(
      network.namedArrays(state),
      metadata: [
        "format": "pt",
        "model": network.backbone.name,
        "classes": try JSON.line(classes),
        "preprocessing": try JSON.line(preprocessing),
        "train": try JSON.line(train),
        "lambda": "\(evidence.lambda)",
        "tau": "\(evidence.tau)",
        "sigma": "\(evidence.sigma)",
        "kappa": "\(kappa)",
      ], to: path)
  }

  /// The network in memory, at the posterior mean.
  public func model(device: Device) throws -> Model {
    try Model(network: network, state: state, device: device)
  }
}

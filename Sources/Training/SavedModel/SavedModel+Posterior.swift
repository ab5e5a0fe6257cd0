import Backbones
import Evidence
import Foundation
import Torch

extension SavedModel {
  /// What predictions of a model are averaged over; nil where no draws are asked for.
  ///
  /// Throws ``TrainingError/noPosterior(path:reason:)`` for a run that has none,
  /// ``TrainingError/damagedRun(path:file:reason:)`` where its file is gone or damaged, and Weights' errors.
  func average(of model: Model, samples: Int?) throws -> PosteriorAverage? {
    guard let samples else { return nil }
    guard samples > 0 else { throw TrainingError.invalidOption("--average \(samples): expected at least 1.") }
    guard let sigma = spread.sigma, sigma > 0 else {
      throw TrainingError.noPosterior(path: run.model, reason: "it was trained without noise, by \(spread.origin)")
    }
    let draws = try run.reading(run.posterior) { try DrawsFile(path: $0, network: network) }
    let count = draws.buffers.count
    guard count == 0 || samples <= count else {
      throw TrainingError.invalidOption(
        "--average \(samples): the run has BatchNorm's statistics of \(count) draws. Pass at most \(count).")
    }
    return PosteriorAverage(
      try posterior(of: model, sigma: sigma, sigmas: draws.sigma), samples: samples, seed: draws.seed,
      buffers: draws.buffers)
  }

  /// The posterior that the run learned, around the mean in the model's weights.
  private func posterior(of model: Model, sigma: Double, sigmas: [Float]?) throws -> GaussianPosterior {
    let (layout, path) = (network.layout, run.model)
    let posterior = try GaussianPosterior(
      spread.family, mean: model.vector.weights.clone(), blocks: layout.blocks(spread.family.division), sigma: sigma)
    switch spread.family {
    case .isotropic: break
    case .layerwise:
      posterior.rho = try posterior.blocks.map { block in
        guard let sigma = spread.sigmaByLayer?[block.name] else {
          throw TrainingError.noPosterior(path: path, reason: "its metadata has no σ of \(block.name)")
        }
        return GaussianPosterior.rho(sigma: sigma)
      }
    case .diagonal:
      guard let sigma = sigmas else {
        throw TrainingError.noPosterior(path: path, reason: "\(run.posterior) has no σ")
      }
      try posterior.rhoVector?.copyFloats(sigma.map { Float(GaussianPosterior.rho(sigma: Double($0))) })
    }
    return posterior
  }

  /// What `model.safetensors` says of σ.
  struct Spread: Sendable {
    /// Nil in a file that does not say.
    var sigma: Double?
    var family: GaussianPosterior.Family
    var sigmaByLayer: [String: Double]?
    /// The option without noise.
    var origin: String

    init(_ metadata: [String: String]) {
      sigma = metadata[MetadataKey.sigma].flatMap { Double($0) }
      let objective = metadata[MetadataKey.objective] ?? "de-elbo"
      origin = objective == "de-elbo" ? "--prior none" : "--objective \(objective)"
      family = metadata[MetadataKey.posterior].flatMap { GaussianPosterior.Family(rawValue: $0) } ?? .isotropic
      sigmaByLayer = metadata[MetadataKey.sigmaByLayer].flatMap {
        try? JSON.decode([String: Double].self, from: Data($0.utf8))
      }
    }
  }
}

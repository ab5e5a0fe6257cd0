import Evidence
import Torch

/// The numbers of a posterior, or of its optimiser's velocities, on the host.
struct PosteriorValues: Sendable, Equatable {
  /// The flat vector of the mean.
  var mean: [Float]
  /// ρ, as many as the family has.
  var rho: [Double]
  /// A ρ per parameter, flat, in the diagonal family.
  var rhoVector: [Float]?

  init(mean: [Float], rho: [Double], rhoVector: [Float]?) {
    (self.mean, self.rho, self.rhoVector) = (mean, rho, rhoVector)
  }

  /// Those of a posterior.
  init(_ posterior: GaussianPosterior) throws(TorchError) {
    self.init(
      mean: try posterior.mean.floats(), rho: posterior.rho, rhoVector: try posterior.rhoVector?.floats())
  }

  /// Makes them a posterior's.
  func copy(to posterior: GaussianPosterior) throws(TorchError) {
    try copy(mean: posterior.mean, rhoVector: posterior.rhoVector)
    posterior.rho = rho
  }

  /// Copies the flat vectors.
  func copy(mean target: Tensor, rhoVector: Tensor?) throws(TorchError) {
    try target.copyFloats(mean)
    if let values = self.rhoVector { try rhoVector?.copyFloats(values) }
  }
}

extension Tensor {
  /// Copies values of the host, one per element.
  func copyFloats(_ values: [Float]) throws(TorchError) {
    try copy_(try Tensor(values, shape: shape).to(device: device))
  }
}

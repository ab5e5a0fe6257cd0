import Backbones
import Evidence
import Torch

extension Model {
  /// Where numbers are not finite, in words: σ, the first parameter (its mean, its sampled weight or its gradient), the
  /// first running statistic; nil where all are finite and only their sum is not.
  func nonFiniteTensors(_ posterior: GaussianPosterior) throws -> String? {
    let sigma = try posterior.sigma()
    if !sigma.isFinite || (sigma <= 0 && posterior.isLearned) { return "σ, which is \(sigma)" }
    let vectors = [
      ("the posterior's mean of", posterior.mean), ("the weight", vector.weights),
      ("the gradient of", vector.gradients),
    ]
    var places: [String] = []
    for (kind, vector) in vectors where places.isEmpty {
      if let slice = try network.layout.firstNonFinite(in: vector) { places.append("\(kind) \(slice.name)") }
    }
    for (slice, buffer) in zip(network.buffers.slices, buffers) where try !buffer.isAllFinite() {
      places.append("the statistics \(slice.name)")
      break
    }
    return places.isEmpty ? nil : places.joined(separator: " and in ")
  }
}

extension ParameterLayout {
  /// The first parameter of a flat vector in which a number is not finite.
  fileprivate func firstNonFinite(in vector: Tensor) throws(TorchError) -> ParameterSlice? {
    for slice in slices where try !vector.narrow(dim: 0, start: slice.offset, length: slice.count).isAllFinite() {
      return slice
    }
    return nil
  }
}

import Backbones
import Evidence
import Torch

extension Model {
  /// The first tensor in which a number is not finite, in words: a weight, a running statistic, a gradient.
  ///
  /// `mean` is the posterior's, from which the weights were sampled.
  func firstNonFiniteTensor(mean: Tensor) throws -> String? {
    let layout = network.layout
    for (kind, vector) in [("the posterior's mean of", mean), ("the weight", vector.weights)] {
      if let slice = try layout.firstNonFinite(in: vector) { return "\(kind) \(slice.name)" }
    }
    for (slice, buffer) in zip(network.buffers.slices, buffers) where try !buffer.isAllFinite() {
      return "the statistics \(slice.name)"
    }
    return try layout.firstNonFinite(in: vector.gradients).map { "the gradient of \($0.name)" }
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

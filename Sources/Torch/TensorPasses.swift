import CTorch

/// The three passes with their scalars as float64 tensors on the vectors' device, `[groups]` or without dimensions.
///
/// Nothing waits for the device, so that a whole step can be captured in a graph. The groups' own σ and pull are not
/// read. Where spans are reduced, backward must have left zeros in `gradients` there, and in `reduced` elsewhere.
extension VectorPasses {
  /// weights = mean + σε, or the mean without ε; rounded into `reduced` too if spans are reduced.
  ///
  /// - Returns: ‖mean − center‖², `[groups]`.
  package func sample(
    mean: Tensor, center: Tensor?, groups: [VectorGroup], epsilon: Tensor?, sigmas: Tensor, into weights: Tensor,
    reduced: Tensor? = nil
  ) throws(TorchError) -> Tensor {
    let distances = try Tensor.empty([groups.count], dtype: .float64, device: mean.device)
    try withPass(groups) {
      ct_tensor_pass_sample(
        $0, mean.handle, center?.handle, epsilon?.handle, sigmas.handle, weights.handle, reduced?.handle,
        distances.handle)
    }
    return distances
  }

  /// Σ gᵢεᵢ, 0 without ε, and the squared norm of g + c (mean − center), each `[groups]`.
  package func reduce(
    gradients: Tensor, reduced: Tensor? = nil, mean: Tensor, center: Tensor?, groups: [VectorGroup], epsilon: Tensor?,
    pulls: Tensor
  ) throws(TorchError) -> (dots: Tensor, squaredNorms: Tensor) {
    let dots = try Tensor.empty([groups.count], dtype: .float64, device: mean.device)
    let norms = try Tensor.empty([groups.count], dtype: .float64, device: mean.device)
    try withPass(groups) {
      ct_tensor_pass_reduce(
        $0, mean.handle, center?.handle, epsilon?.handle, gradients.handle, reduced?.handle, pulls.handle, dots.handle,
        norms.handle)
    }
    return (dots, norms)
  }

  /// Nesterov's update; where `applied`, a bool, is false nothing changes but g ← 0.
  package func nesterov(
    mean: Tensor, center: Tensor?, gradients: Tensor, reduced: Tensor? = nil, velocity: Tensor, groups: [VectorGroup],
    pulls: Tensor, scale: Tensor, momentum: Double, learningRate: Tensor, applied: Tensor? = nil
  ) throws(TorchError) {
    try withPass(groups) {
      ct_tensor_pass_nesterov(
        $0, mean.handle, center?.handle, gradients.handle, reduced?.handle, velocity.handle, pulls.handle, scale.handle,
        momentum, learningRate.handle, applied?.handle)
    }
  }
}

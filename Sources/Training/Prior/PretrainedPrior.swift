import Backbones

/// What pretraining says of a backbone's weights: the mean m, the variance S and the deviations Q of a Gaussian.
///
/// PTYL's prior is N(m, λΣ) with Σ = ½ diag(S) + εI + QQᵀ/(2K − 2), where K is the number of deviations (Shwartz-Ziv et
/// al., "Pre-Train Your Loss", NeurIPS 2022; its parts are SWAG's, arXiv 1902.02476). The vectors are the part of the
/// parameter vector before the head, frozen or not, `[layout.headRange.lowerBound]` in storage order, with zeros as
/// padding.
public struct PretrainedPrior: Sendable, Equatable {
  /// m.
  public var mean: [Float]
  /// S, at least 0.
  public var variance: [Float]
  /// The K columns of Q.
  public var deviations: [[Float]]
  /// The running statistics at the mean, one array per slice of the network's buffers; nil where they are not known.
  public var buffers: [[Float]]?

  /// Gathers the parts.
  public init(mean: [Float], variance: [Float], deviations: [[Float]], buffers: [[Float]]? = nil) {
    (self.mean, self.variance, self.deviations, self.buffers) = (mean, variance, deviations, buffers)
  }
}

extension ParameterLayout {
  /// The backbone's parameters, frozen or not, which come before the head's.
  package var backboneSlices: ArraySlice<ParameterSlice> { slices.prefix { $0.group != .head } }

  /// The backbone's part of the vector, zeros in its padding, from its parameters' elements in logical order.
  package func backboneVector(_ values: [[Float]]) -> [Float] {
    var vector = [Float](repeating: 0, count: headRange.lowerBound)
    for (slice, logical) in zip(backboneSlices, values) {
      vector.replaceSubrange(slice.range, with: slice.pack(logical))
    }
    return vector
  }

  /// The elements in logical order of the backbone's parameters, from its part of the vector.
  package func backboneValues(ofVector vector: [Float]) -> [[Float]] {
    backboneSlices.map { $0.unpack(Array(vector[$0.range])) }
  }
}

import Backbones
import Torch

/// The Gaussian prior N(w; m, λΣ) N(V; 0, τI), whose scales λ and τ are learned by their closed forms.
public struct Prior {
  /// Which parameters share a scale.
  public enum Scales: String, Codable, Sendable, CaseIterable {
    /// λ for the backbone and τ for the head, as published.
    case global
    /// One scale for both, λ = τ.
    case tied
    /// One for each tensor.
    case layerwise

    /// How finely the vector must be divided.
    public var division: ParameterLayout.Division { self == .layerwise ? .tensors : .parts }
  }

  /// m of the backbone, a flat vector in the layout's order: the pretrained weights (L2-SP); nil for 0 (L2-zero).
  public var center: Tensor?
  /// Σ of the backbone; nil for the identity.
  ///
  /// It ties the tensors together: with layerwise scales it has no meaning, and no divergence can be computed.
  public var covariance: LowRankCovariance?
  /// Which parameters share a scale.
  public var scales: Scales
  /// λ where it is not learned.
  public var lambda: Double?
  /// τ where it is not learned.
  public var tau: Double?

  /// A prior; by default L2-zero with learned λ and τ.
  public init(
    center: Tensor? = nil, covariance: LowRankCovariance? = nil, scales: Scales = .global, lambda: Double? = nil,
    tau: Double? = nil
  ) {
    (self.center, self.covariance, self.scales) = (center, covariance, scales)
    (self.lambda, self.tau) = (lambda, tau)
  }

  /// KL(q ‖ p) and its derivatives at the best, or the given, scales; a point has no best ones, and none is given for a
  /// flat prior.
  ///
  /// `distances` are ‖w̄ − m‖² by block; where Σ is not the identity its own take the backbone's place.
  func divergences(_ distances: [Double], _ posterior: GaussianPosterior) throws(TorchError) -> Divergences {
    precondition(
      covariance == nil || scales != .layerwise, "a low-rank covariance ties tensors together: no scale for each")
    let blocks = posterior.blocks
    let variances = try posterior.moments(precision: covariance?.precisionDiagonal)
    var moments = zip(blocks, zip(distances, variances)).map { block, values in
      Moments(
        count: Double(block.count), squaredDistance: values.0, variance: values.1.variance,
        logVariance: values.1.logVariance)
    }
    var pull: Tensor?
    if let covariance {
      let projection = try covariance.project(posterior.mean, from: center)
      pull = projection.pull
      // Σ⁻¹ ties the backbone's blocks together: their whole distance is put in the first.
      for (index, place) in blocks.indices.filter({ blocks[$0].part == .backbone }).enumerated() {
        moments[place].squaredDistance = index == 0 ? projection.squaredDistance : 0
      }
    }
    var result = Divergences(
      scales: blocks.map { _ in 0 }, excesses: blocks.map { _ in 0 }, kl: 0, pull: pull, blocks: blocks)
    for set in sets(blocks) {
      let isBackbone = blocks[set[0]].part == .backbone
      let scale = givenScale(of: blocks[set[0]].part)
      let divergence =
        posterior.isPoint
        ? Divergence(
          pointAt: set.reduce(0) { $0 + moments[$1].squaredDistance }, scale: scale ?? .infinity, blocks: set.count)
        : Divergence(
          set.map { moments[$0] }, logDeterminant: isBackbone ? covariance?.logDeterminant ?? 0 : 0, scale: scale)
      result.kl += divergence.kl
      for (place, excess) in zip(set, divergence.excesses) {
        (result.scales[place], result.excesses[place]) = (divergence.scale, excess)
      }
    }
    return result
  }

  /// λ or τ, where it is given, of a part's parameters; in a tied prior it is λ, also where the head alone is trained.
  package func givenScale(of part: ParameterGroup) -> Double? { scales == .tied || part == .backbone ? lambda : tau }

  /// The blocks that share a scale.
  private func sets(_ blocks: [ParameterBlock]) -> [[Int]] {
    switch scales {
    case .tied: [Array(blocks.indices)]
    case .layerwise: blocks.indices.map { [$0] }
    case .global:
      [ParameterGroup.backbone, .head].map { part in blocks.indices.filter { blocks[$0].part == part } }
        .filter { !$0.isEmpty }
    }
  }
}

/// KL(q ‖ p) of the whole vector, with what its gradient needs.
public struct Divergences {
  /// λ or τ of each block.
  public var scales: [Double]
  /// v/λ − 1 of each block. (8)
  public var excesses: [Double]
  /// The whole KL, in nats.
  public var kl: Double
  /// Σ⁻¹(w̄ − m) of the backbone, a flat vector; nil where Σ = I, whose pull is formed where it is used. (7)
  public var pull: Tensor?
  /// The blocks.
  public var blocks: [ParameterBlock]

  /// λ, the mean over the backbone's parameters of their scales; nil where nothing of it is trained or it has no prior,
  /// or a flat one.
  public var lambda: Double? { mean(of: .backbone) }
  /// τ, the same of the head.
  public var tau: Double? { mean(of: .head) }

  /// No prior: nothing diverges from it.
  package static func none(_ blocks: [ParameterBlock]) -> Divergences {
    let nothing = blocks.map { _ in 0.0 }
    return Divergences(scales: nothing, excesses: nothing, kl: 0, blocks: blocks)
  }

  private func mean(of part: ParameterGroup) -> Double? {
    let members = zip(blocks, scales).filter { $0.0.part == part && $0.1 > 0 && $0.1.isFinite }
    guard let first = members.first?.1 else { return nil }
    let rest = members.reduce(0) { $0 + Double($1.0.count) * ($1.1 - first) }
    return first + rest / members.reduce(0) { $0 + Double($1.0.count) }
  }
}

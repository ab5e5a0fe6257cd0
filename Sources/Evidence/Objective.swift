import Backbones
import Torch

/// The data-emphasized evidence lower bound, J = κ·E_q[log p(y | w, V)] − KL(q ‖ p). (2)
///
/// The expectation is over the sum of the N log likelihoods. κ = 1 is the ELBO; κ = D/N is the data-emphasized ELBO of
/// Harvey, Petrov and Hughes (arXiv 2410.19675). Minimised as the loss −J/(κN) = mean NLL + KL/(κN). (3)
public struct DataEmphasizedELBO {
  /// The weight of the data.
  public let kappa: Double
  /// N, the number of training examples.
  public let examples: Int
  /// The prior; nil for maximum likelihood, which has no KL.
  public var prior: Prior?

  /// An objective for N examples; κ defaults to D/N.
  public init(layout: ParameterLayout, examples: Int, kappa: Double? = nil, prior: Prior?) {
    self.kappa = kappa ?? Double(layout.count) / Double(examples)
    (self.examples, self.prior) = (examples, prior)
  }

  /// The objective of the published method: L2-SP around `pretrained` (0 if nil) for the backbone, L2-zero for the
  /// head.
  ///
  /// `pretrained` is a flat vector in the layout's order, of which only the backbone's slice is read.
  public static func l2SP(
    layout: ParameterLayout, pretrained: Tensor?, examples: Int, kappa: Double? = nil
  ) -> DataEmphasizedELBO {
    DataEmphasizedELBO(layout: layout, examples: examples, kappa: kappa, prior: Prior(center: pretrained))
  }

  /// 1/(κN), by which the KL enters the loss.
  public var klWeight: Double { 1 / (kappa * Double(examples)) }

  /// The strength in a loss mean NLL + (α/2)‖w − m‖² that a prior of this variance has: α = 1/(κNλ), or of τ that of β.
  public func gridUnits(_ scale: Double?) -> Double? { scale.map { klWeight / $0 } }

  /// Writes one sample of the posterior to the vector's weights: w = w̄ + σε, or w̄ − σε where `antithetic`.
  ///
  /// The posterior's blocks must be the vector's.
  ///
  /// - Returns: KL(q ‖ p) at λ* and τ*, for which the same pass over the mean finds the distances.
  @discardableResult
  public func sample(
    _ posterior: GaussianPosterior, _ noise: Noise, antithetic: Bool = false, into vector: ParameterVector
  ) throws(TorchError) -> Divergences {
    precondition(
      posterior.blocks.elementsEqual(vector.blocks) { $0.range == $1.range },
      "posterior and vector are divided differently")
    let sign = antithetic ? -1.0 : 1.0
    let sigmas = try posterior.sigmas()
    vector.choosePrecision(sigmas: try posterior.sigmasForPrecision())
    var (scales, noise) = (sigmas.map { sign * $0 }, noise)
    if let sigma = try posterior.sigmaVector() {
      scales = sigmas.map { _ in sign }
      noise = .given(try vector.passes.epsilon(noise, like: posterior.mean) * sigma)
    }
    let distances = try vector.passes.sample(
      mean: posterior.mean, center: prior?.center, groups: groups(posterior.blocks, sigmas: scales), noise: noise,
      into: vector.weights, reduced: vector.reducedWeights)
    return try prior?.divergences(distances, posterior) ?? .none(posterior.blocks)
  }

  /// What samples of a step add up to, before the first.
  public func zeroGradient(of posterior: GaussianPosterior, samples: Int = 1) throws(TorchError) -> SampledGradient {
    SampledGradient(
      samples: samples, dots: posterior.blocks.map { _ in 0 },
      products: try posterior.rhoVector?.zerosLike(),
      weights: samples > 1 ? try posterior.mean.zerosLike() : nil)
  }

  /// Adds the gradient of the mean NLL at one sample, which `backward` left in the vector.
  ///
  /// By the chain rule ∂NLL/∂σ = Σᵢ gᵢεᵢ, over what shares the σ.
  public func add(
    nll: Double, at noise: Noise, antithetic: Bool = false, of posterior: GaussianPosterior,
    _ divergences: Divergences, in vector: ParameterVector, to sum: inout SampledGradient
  ) throws(TorchError) {
    let sign = antithetic ? -1.0 : 1.0
    sum.nll += nll / Double(sum.samples)
    if let products = sum.products {
      precondition(vector.reducedGradients == nil, "a σ for each parameter needs every gradient in the vector's dtype")
      let epsilon = try vector.passes.epsilon(noise, like: posterior.mean)
      try products.add_(vector.gradients * epsilon, alpha: sign / Double(sum.samples))
    } else {
      // The norm is that of the whole gradient if this is the only sample and nothing is added to it.
      let sums = try vector.passes.reduce(
        gradients: vector.gradients, reduced: vector.reducedGradients, mean: posterior.mean, center: prior?.center,
        groups: groups(posterior.blocks, pulls: pulls(divergences)), noise: posterior.isPoint ? nil : noise)
      for (place, found) in sums.enumerated() { sum.dots[place] += sign * found.dot / Double(sum.samples) }
      sum.squaredNorm = sums.reduce(0) { $0 + $1.squaredNorm }
    }
    if let weights = sum.weights { try vector.moveGradients(to: weights) }
  }

  /// The loss's gradient, of all samples of a step.
  ///
  /// With respect to the mean it is g + c Σ⁻¹(w̄ − m), c = 1/(κNλ): where Σ = I that is formed where it is used, never
  /// stored. The KL's part with respect to σ has a closed form. (8)
  public func gradient(
    _ sum: SampledGradient, of posterior: GaussianPosterior, _ divergences: Divergences, in vector: ParameterVector
  ) throws(TorchError) -> ObjectiveGradient {
    let groups = groups(posterior.blocks, pulls: pulls(divergences))
    var squaredNorm = sum.squaredNorm
    if let weights = sum.weights { try vector.setGradients(weights, times: 1 / Double(sum.samples)) }
    if let pull = divergences.pull, let place = divergences.blocks.firstIndex(where: { $0.part == .backbone }) {
      if vector.reducedGradients != nil, sum.weights == nil {
        let whole = try pull.zerosLike()
        try vector.moveGradients(to: whole)
        try vector.setGradients(whole, times: 1)
      }
      try vector.gradients.add_(pull, alpha: klWeight / divergences.scales[place])
    }
    if sum.weights != nil || divergences.pull != nil || sum.products != nil {
      squaredNorm = try vector.passes.reduce(
        gradients: vector.gradients, reduced: vector.reducedGradients, mean: posterior.mean, center: prior?.center,
        groups: groups, noise: nil
      ).reduce(0) { $0 + $1.squaredNorm }
    }
    var gradient = ObjectiveGradient(
      terms: ObjectiveTerms(
        nll: sum.nll, kl: divergences.kl, klWeight: prior == nil ? 0 : klWeight, lambda: divergences.lambda,
        tau: divergences.tau, sigma: try posterior.sigma()),
      rho: [], squaredNorm: squaredNorm, groups: groups, center: prior?.center)
    guard posterior.isLearned else { return gradient }
    if let products = sum.products {
      gradient.rhoVector = try rhoGradient(products, posterior, divergences)
    } else {
      gradient.rho = try rhoGradient(sum.dots, posterior, divergences)
    }
    return gradient
  }

  /// The loss's gradient of a step with one sample.
  public func gradient(
    nll: Double, at noise: Noise, of posterior: GaussianPosterior, _ divergences: Divergences,
    in vector: ParameterVector
  ) throws(TorchError) -> ObjectiveGradient {
    var sum = try zeroGradient(of: posterior)
    try add(nll: nll, at: noise, of: posterior, divergences, in: vector, to: &sum)
    return try gradient(sum, of: posterior, divergences, in: vector)
  }

  /// By the chain rule through (8) and (9), summed over the blocks that share a ρ.
  private func rhoGradient(
    _ dots: [Double], _ posterior: GaussianPosterior, _ divergences: Divergences
  ) throws(TorchError) -> [Double] {
    let sigmas = try posterior.sigmas()
    let bySigma = posterior.blocks.indices.map { place in
      dots[place] + klWeight * Double(posterior.blocks[place].count) * divergences.excesses[place] / sigmas[place]
    }
    let slopes = try posterior.sigmaSlopes()
    return posterior.family == .layerwise
      ? zip(bySigma, slopes).map { $0 * $1 } : slopes.map { $0 * bySigma.reduce(0, +) }
  }

  /// The same for a ρ per parameter: (gᵢεᵢ + (σᵢ pᵢ/λ − 1/σᵢ)/(κN)) ∂σᵢ/∂ρᵢ, p being Σ⁻¹'s diagonal.
  private func rhoGradient(
    _ products: Tensor, _ posterior: GaussianPosterior, _ divergences: Divergences
  ) throws(TorchError) -> Tensor {
    guard let sigma = try posterior.sigmaVector() else { return products }
    let gradient = try products.clone()
    for (block, scale) in zip(divergences.blocks, divergences.scales) where scale > 0 {
      func part(_ vector: Tensor) throws(TorchError) -> Tensor {
        try vector.narrow(dim: 0, start: block.range.lowerBound, length: block.range.count)
      }
      let sigma = try part(sigma)
      var curvature = try sigma * (1 / scale)
      if block.part == .backbone, let precision = prior?.covariance?.precisionDiagonal {
        curvature = try curvature * part(precision)
      }
      try part(gradient).add_(curvature - sigma.reciprocal(), alpha: klWeight)
    }
    return try gradient * ((sigma * -1).expm1() * -1)
  }

  /// c of each block; 0 where the pull is added as a vector.
  private func pulls(_ divergences: Divergences) -> [Double] {
    zip(divergences.blocks, divergences.scales).map { block, scale in
      scale == 0 || (block.part == .backbone && divergences.pull != nil) ? 0 : klWeight / scale
    }
  }

  private func groups(
    _ blocks: [ParameterBlock], sigmas: [Double]? = nil, pulls: [Double]? = nil
  ) -> [VectorGroup] {
    blocks.indices.map { place in
      VectorGroup(
        range: blocks[place].range, isCentered: blocks[place].part == .backbone && prior?.center != nil,
        sigma: sigmas?[place] ?? 0, pull: pulls?[place] ?? 0)
    }
  }
}

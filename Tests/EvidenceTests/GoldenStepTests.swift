import Backbones
import Evidence
import TestSupport
import Testing
import Torch

/// One training step against PyTorch's autograd in float64 (Tests/golden/step/make.py).
@Suite struct GoldenStepTests {
  /// Norm-wise per tensor to 1e-9 in float64 and 1e-4 in float32, started at w̄ ≠ m and at w̄ = m.
  @Test(arguments: StepGolden.names, [DType.float64, .float32])
  func agreesWithPyTorch(name: String, dtype: DType) throws {
    let golden = try StepGolden.load(name)
    let tolerance = dtype == .float64 ? 1e-9 : 1e-4
    let network = try Backbone.named(golden.model).makeNetwork(classes: golden.classes)
    let layout = network.layout
    func vector(_ values: (String, [Int], Bool) -> [Double]) throws -> Tensor {
      let all = layout.slices.map { values($0.name, $0.shape, $0.group == .head) }
      return try Tensor(layout.vector(all), shape: [layout.paddedCount]).to(dtype: dtype)
    }
    let posterior = IsotropicPosterior(mean: try vector(golden.mean), sigma: golden.sigma)
    let epsilon = try vector { name, shape, _ in golden.epsilon(name, shape: shape) }
    let objective = try DataEmphasizedELBO.l2SP(
      layout: layout, pretrained: try vector(golden.priorMean), examples: golden.n)
    #expect(Golden.relativeError(objective.kappa, golden.kappa) < 1e-15)

    let parameters = try ParameterVector(layout: layout, dtype: dtype)
    try withoutGrad { try posterior.sample(epsilon, into: parameters.weights) }
    let buffers = try network.buffers.slices.map {
      try Tensor(Formula.state($0.name, shape: $0.shape), shape: $0.shape).to(dtype: dtype)
    }
    let context = ForwardContext(parameters: parameters.leaves, buffers: buffers, mode: .training(momentum: 0.1))
    let input = try Tensor(golden.input, shape: golden.inputShape).to(dtype: dtype)
    let nll = try network(input, context).crossEntropy(Tensor(golden.targets, shape: [golden.batch]))
    try nll.backward()
    let (terms, rhoGradient) = try withoutGrad {
      try objective.completeGradient(
        nll: nll.item(), gradients: parameters.gradients, epsilon: epsilon, posterior: posterior)
    }

    for (what, found, expected) in [
      ("loss", terms.loss, golden.loss), ("NLL", terms.nll, golden.nll), ("KL", terms.kl, golden.kl),
      ("λ*", terms.lambda, golden.lambda), ("τ*", terms.tau, golden.tau), ("∂ρ", rhoGradient, golden.gradRho),
      ("∂σ", rhoGradient / posterior.sigmaSlope, golden.gradSigma),
    ] {
      #expect(Golden.relativeError(found, expected) < tolerance, "\(what): found \(found), expected \(expected)")
    }
    let gradients = layout.values(ofVector: try parameters.gradients.doubles())
    for (slice, gradient) in zip(layout.slices, gradients) {
      let digest = try #require(golden.gradMean[slice.name])
      let error = Golden.relativeError(gradient, digest, name: slice.name)
      #expect(error < tolerance, "∂\(slice.name): relative error \(error)")
    }
  }
}

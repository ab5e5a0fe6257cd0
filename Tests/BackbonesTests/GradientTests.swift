import Backbones
import TestSupport
import Testing
import Torch

/// Gradients through the views of one flat vector, against the step's golden values (Tests/golden/step/make.py).
@Suite struct GradientTests {
  /// At the prior's mean the KL has no gradient in the backbone, so what is left there is the NLL's.
  @Test(arguments: ["resnet20", "mobilenet_v2"]) func gradientOfTheLikelihood(model: String) throws {
    let golden = try StepGolden.load("\(model)_at_prior")
    let network = try Backbone.named(model).makeNetwork(classes: golden.classes)
    let layout = network.layout
    let weights = layout.slices.map { slice in
      let mean = golden.mean(slice.name, shape: slice.shape, isHead: slice.group == .head)
      return zip(mean, golden.epsilon(slice.name, shape: slice.shape)).map { $0 + golden.sigma * $1 }
    }
    let vector = layout.vector(weights)
    let leaves = try layout.views(of: Tensor(vector, shape: [vector.count])).map { try $0.detach() }
    for leaf in leaves { try leaf.setRequiresGrad(true) }
    let buffers = try network.buffers.slices.map {
      try Tensor(Formula.state($0.name, shape: $0.shape), shape: $0.shape)
    }
    let context = ForwardContext(parameters: leaves, buffers: buffers, mode: .training())
    let logits = try network(Tensor(golden.input, shape: golden.inputShape), context)
    let nll = try logits.crossEntropy(Tensor(golden.targets, shape: [golden.batch]))
    #expect(Golden.relativeError(try nll.item(), golden.nll) < 1e-9)
    try nll.backward()
    for (slice, leaf) in zip(layout.slices, leaves) where slice.group == .backbone {
      let gradient = try #require(try leaf.grad()).doubles()
      let digest = try #require(golden.gradMean[slice.name])
      #expect(Golden.relativeError(gradient, digest, name: slice.name) < 1e-9, "\(slice.name)")
    }
  }
}

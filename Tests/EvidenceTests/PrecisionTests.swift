import Backbones
import Evidence
import TestSupport
import Testing
import Torch
import Weights

/// bfloat16 weights keep the noise that they were given.
@Suite struct PrecisionTests {
  /// One sample of a posterior around a state, read back from the leaves that the network computes with.
  private func check(_ network: Network, _ state: StateDict, sigma: Double) throws -> Int {
    let layout = network.layout
    let mean = try Tensor(layout.vector(state.parameters), shape: [layout.paddedCount])
    let vector = try ParameterVector(layout: layout, rounding: layout.bfloat16RoundingErrors(of: mean))
    let objective = DataEmphasizedELBO.l2SP(layout: layout, pretrained: mean, examples: 100)
    let draws = NormalDraws(seed: 4, step: 2)
    let posterior = try GaussianPosterior(mean: mean, blocks: vector.blocks, sigma: sigma)
    try objective.sample(posterior, .drawn(draws), into: vector)
    let epsilon = try Tensor.zeros([layout.paddedCount])
    try vector.passes.draw(draws, into: epsilon)

    let (means, noise) = (try layout.views(of: mean), try layout.views(of: epsilon))
    for (index, slice) in layout.slices.enumerated() {
      let leaf = vector.leaves[index]
      #expect((leaf.dtype == .bfloat16) == vector.isReduced[index])
      if slice.group == .head || ![2, 4].contains(slice.shape.count) {
        #expect(leaf.dtype == .float32, "\(slice.name)")
      }
      let (used, center, drawn) = (try leaf.doubles(), try means[index].doubles(), try noise[index].doubles())
      var (power, drawnPower, product) = (0.0, 0.0, 0.0)
      for i in used.indices {
        let deviation = used[i] - center[i]
        power += deviation * deviation
        drawnPower += drawn[i] * drawn[i]
        product += deviation * drawn[i]
      }
      // Relative to what was drawn: a tensor of 16 elements has no variance of 1 to compare with.
      let ratio = power / (sigma * sigma * drawnPower)
      #expect(abs(ratio - 1) < 0.05, "\(slice.name): variance \(ratio) of what was drawn")
      let correlation = product / (power * drawnPower).squareRoot()
      #expect(correlation > 0.95, "\(slice.name): correlation \(correlation)")
    }
    return vector.isReduced.count { $0 }
  }

  /// Trap: a weight plus noise of 1e-4, rounded to bfloat16, keeps none of it.
  @Test(arguments: [(1e-4, 0...0), (1e-3, 10...20), (4e-3, 20...20)])
  func bfloat16KeepsTheNoise(sigma: Double, reduced: ClosedRange<Int>) throws {
    let network = try Backbone.named("resnet18").makeNetwork(classes: 10)
    #expect(reduced.contains(try check(network, network.initialState(seed: 1), sigma: sigma)))
  }

  /// Tokens, embeddings of positions and layer scales stay in float32 at every σ.
  @Test(arguments: [("vit_ti_16", 49), ("convnext_atto", 40)])
  func onlyKernelsAndMatricesAreReduced(model: String, count: Int) throws {
    let network = try Backbone.named(model).makeNetwork(classes: 10, size: 32)
    #expect(try check(network, network.initialState(seed: 1), sigma: 4e-2) == count)
  }

  @Test(
    .enabled(if: Shared.path("data/weights") != nil, "../shared/data/weights is absent"), arguments: [1e-4, 1e-3, 4e-3])
  func bfloat16KeepsTheNoiseOfPretrainedWeights(sigma: Double) throws {
    for (model, file) in [
      ("tf_mobilenet_v2", "mobilenet_v2_imagenet"), ("densenet169", "densenet169_imagenet"),
      ("resnet50_layer3", "resnet50_layer3_imagenet"),
    ] {
      let network = try Backbone.named(model).makeNetwork(classes: 10)
      let file = try SafetensorsFile(path: #require(Shared.path("data/weights/\(file).safetensors")))
      let count = try check(network, network.loadStateDict(file, head: .fresh(seed: 1)), sigma: sigma)
      print("\(model): \(count) of \(network.layout.slices.count) parameters in bfloat16 at σ = \(sigma)")
    }
  }

  /// With some convolutions in bfloat16 and others in float32, as early in a run, each kind of network computes what it
  /// does in float32, and every parameter gets a gradient.
  ///
  /// Between convolutions lies bfloat16, so that those of float32 weights, too, are computed in it.
  @Test(arguments: [
    "resnet20", "resnet18", "densenet169", "mobilenet_v2", "efficientnet_b0", "convnext_atto", "vit_ti_16",
  ])
  func bothPrecisionsInOnePass(model: String) throws {
    let network = try Backbone.named(model).makeNetwork(classes: 3, size: 32)
    let layout = network.layout
    let state = network.initialState(seed: 1)
    let mean = try Tensor(layout.vector(state.parameters), shape: [layout.paddedCount])
    let errors = try layout.bfloat16RoundingErrors(of: mean)
    let kernels = layout.slices.indices.filter {
      layout.slices[$0].group == .backbone && layout.slices[$0].shape.count > 1
    }
    let sigmas = kernels.map { (errors[$0] / 0.04).squareRoot() }.sorted()
    let posterior = try GaussianPosterior(mean: mean, blocks: layout.blocks(.parts), sigma: sigmas[sigmas.count / 2])
    let objective = DataEmphasizedELBO.l2SP(layout: layout, pretrained: mean, examples: 100)
    let images = try Tensor(Formula.uniform("images", count: 4 * 3 * 32 * 32, -1, 1), shape: [4, 3, 32, 32])
      .to(dtype: .float32)

    func logits(_ vector: ParameterVector) throws -> Tensor {
      try objective.sample(posterior, .drawn(NormalDraws(seed: 1, step: 1)), into: vector)
      return try network(
        images,
        ForwardContext(
          parameters: vector.leaves, buffers: network.buffers.tensors(state.buffers), mode: .evaluation))
    }
    let expected = try withoutGrad { try logits(ParameterVector(layout: layout)).doubles() }
    let vector = try ParameterVector(layout: layout, rounding: errors)
    let found = try logits(vector)
    #expect(Set(kernels.map { vector.isReduced[$0] }) == [true, false])
    #expect(Golden.relativeError(try found.detach().doubles(), expected) < 0.03)
    try found.crossEntropy(Tensor([0, 1, 2, 0] as [Int64], shape: [4])).backward()
    for (slice, leaf) in zip(layout.slices, vector.leaves) {
      let gradient = try #require(try leaf.grad())
      #expect(try gradient.isAllFinite() && gradient.doubles().contains { $0 != 0 }, "\(slice.name)")
      guard slice.shape.count == 4, !network.buffers.slices.isEmpty else { continue }
      #expect(try gradient.floats().allSatisfy { $0.bitPattern & 0xffff == 0 }, "\(slice.name)")
    }
  }

  /// The vector's memory is read and its gradient written in bfloat16, and a change of precision leaves nothing behind.
  ///
  /// Deep networks with BatchNorm cannot be compared so: over eight images of a few pixels batch statistics amplify
  /// bfloat16's rounding (MobileNetV2's gradient differs by its own norm).
  @Test(arguments: ["resnet8", "vit_ti_16", "convnext_atto"])
  func aStepGoesThroughBothPrecisions(model: String) throws {
    let side = model == "resnet8" ? 16 : 32
    let network = try Backbone.named(model).makeNetwork(classes: 3, size: side)
    let layout = network.layout
    let state = network.initialState(seed: 1)
    let mean = try Tensor(layout.vector(state.parameters), shape: [layout.paddedCount])
    let objective = DataEmphasizedELBO.l2SP(layout: layout, pretrained: mean, examples: 100)
    let images = try Tensor(Formula.uniform("images", count: 8 * 3 * side * side, -1, 1), shape: [8, 3, side, side])
      .to(dtype: .float32)
    let labels = try Tensor([0, 1, 2, 0, 1, 2, 0, 1] as [Int64], shape: [8])
    let posterior = try GaussianPosterior(mean: mean, blocks: layout.blocks(.parts), sigma: 0.02)

    func gradient(_ vector: ParameterVector) throws -> (ObjectiveGradient, [[Double]]) {
      let noise = Noise.drawn(NormalDraws(seed: 1, step: 1))
      let divergences = try objective.sample(posterior, noise, into: vector)
      let buffers = try network.buffers.tensors(state.buffers)
      let context = ForwardContext(parameters: vector.leaves, buffers: buffers, mode: .training())
      let nll = try network(images, context).crossEntropy(labels)
      try nll.backward()
      let result = try objective.gradient(nll: nll.item(), at: noise, of: posterior, divergences, in: vector)
      return (result, try vector.leaves.map { try #require(try $0.grad()).doubles() })
    }
    let full = try ParameterVector(layout: layout)
    let reduced = try ParameterVector(layout: layout, rounding: layout.bfloat16RoundingErrors(of: mean))
    let (expected, expectedGradients) = try gradient(full)
    let (found, foundGradients) = try gradient(reduced)
    #expect(reduced.isReduced.contains(true))
    #expect(found.terms.kl == expected.terms.kl)
    #expect(abs(found.terms.nll / expected.terms.nll - 1) < 0.01)
    #expect(abs((found.squaredNorm / expected.squaredNorm).squareRoot() - 1) < 0.05)
    let all = expectedGradients.flatMap { $0 }
    // Each of the network's operations rounds by up to 2⁻⁹, forwards and backwards.
    #expect(Golden.relativeError(foundGradients.flatMap { $0 }, all) < 0.15)

    // After the update both gradients are zero, and float32 takes over where σ is small again.
    try reduced.passes.nesterov(
      mean: mean.clone(), center: mean, gradients: reduced.gradients, reduced: reduced.reducedGradients,
      velocity: Tensor.zeros(mean.shape), groups: found.groups, scale: 1, momentum: 0.9, learningRate: 0.1)
    #expect(try reduced.gradients.doubles().allSatisfy { $0 == 0 })
    #expect(try #require(reduced.reducedGradients).doubles().allSatisfy { $0 == 0 })
    posterior.rho = [GaussianPosterior.rho(sigma: 1e-5)]
    try objective.sample(posterior, .drawn(NormalDraws(seed: 1, step: 2)), into: reduced)
    #expect(reduced.leaves.allSatisfy { $0.dtype == .float32 })
  }
}

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

  /// Kernels and matrices, each of weights of its own size, and what is read in float32 at every σ.
  private static let mixed = ParameterLayout([
    ("conv.weight", [32, 32, 3, 3], .backbone, .zeros), ("layer.weight", [64, 160], .backbone, .zeros),
    ("small.weight", [3, 5], .backbone, .zeros), ("word_embeddings.weight", [50, 8], .backbone, .zeros),
    ("norm.weight", [64], .backbone, .zeros), ("token", [1, 1, 64], .backbone, .zeros),
    ("head.weight", [10, 64], .head, .zeros), ("head.bias", [10], .head, .zeros),
  ])
  private static let reducible = ["conv.weight": 0.1, "layer.weight": 0.7, "small.weight": 3]
  /// Nearly 1; σ comes back from its ρ with about 15 digits.
  private static let below = 1 - 1e-6
  private static let above = 1 + 1e-6

  private static func mixedMean() throws -> Tensor {
    let values = mixed.slices.map { slice in
      let bound = reducible[slice.name] ?? 1
      return Formula.uniform(slice.name, count: slice.count, -bound, bound)
    }
    return try Tensor(mixed.vector(values), shape: [mixed.paddedCount]).to(dtype: .float32)
  }

  /// The gap between the neighbours in bfloat16, the upper half of a float32, between which a value lies.
  private static func gap(at value: Float) -> Double {
    let below = value.magnitude.bitPattern & 0xffff_0000
    return Double(Float(bitPattern: below + 0x1_0000)) - Double(Float(bitPattern: below))
  }

  /// By tensor the mean squared error of rounding numbers that lie anywhere between their neighbours, which is a
  /// twelfth of the squared gap.
  private static func roundingErrors(_ values: [Float]) -> [Double] {
    mixed.slices.map { slice in
      var sum = 0.0
      for index in slice.range { sum += gap(at: values[index]) * gap(at: values[index]) / 12 }
      return sum / Double(slice.count)
    }
  }

  /// The error that is expected is also the one that rounding makes, on average over many values.
  @Test func roundingErrorsAreThoseOfNumbersBetweenNeighbours() throws {
    let (layout, mean) = (Self.mixed, try Self.mixedMean())
    let found = try layout.bfloat16RoundingErrors(of: mean)
    let (values, rounded) = (try mean.floats(), try mean.to(dtype: .bfloat16).doubles())
    let expected = Self.roundingErrors(values)
    #expect(found.count == layout.slices.count)
    for (place, slice) in layout.slices.enumerated() {
      #expect(Golden.relativeError(found[place], expected[place]) < 1e-12, "\(slice.name)")
      guard slice.count > 9000 else { continue }
      var actual = 0.0
      for index in slice.range {
        let error = rounded[index] - Double(values[index])
        actual += error * error
      }
      let ratio = actual / Double(slice.count) / expected[place]
      // Six standard errors: the deviation of a squared error is 0.9 of its mean, and more where gaps differ.
      #expect(abs(ratio - 1) < 6 * (2 / Double(slice.count)).squareRoot(), "\(slice.name): \(ratio)")
    }

    // By hand: the gap is 2⁻⁷ from 1 to 2, twice that from 2 on, half of it below 1; a zero stays one.
    let hand = ParameterLayout([("head.weight", [5], .head, .zeros)])
    let numbers: [Float] = [1, 1.99, 2, -0.99, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]
    let errors = try hand.bfloat16RoundingErrors(of: Tensor(numbers, shape: [16]))
    #expect(Golden.relativeError(errors, [6.25 * 0x1p-14 / 12 / 5]) < 1e-12)
  }

  /// The network reads a kernel or a matrix of the backbone in bfloat16 exactly where rounding adds less than 4 % to
  /// the noise's variance, and anything else never.
  @Test func aTensorIsReducedWhereRoundingAddsLessThanFourPercent() throws {
    let (layout, mean) = (Self.mixed, try Self.mixedMean())
    let errors = Self.roundingErrors(try mean.floats())
    let vector = try ParameterVector(layout: layout, rounding: layout.bfloat16RoundingErrors(of: mean))
    let objective = DataEmphasizedELBO.l2SP(layout: layout, pretrained: mean, examples: 100)
    func numberReduced(at sigma: Double) throws -> Int {
      let expected = zip(layout.slices, errors).map { slice, error in
        Self.reducible[slice.name] != nil && error < 0.04 * sigma * sigma
      }
      let posterior = try GaussianPosterior(mean: mean, blocks: vector.blocks, sigma: sigma)
      try objective.sample(posterior, .drawn(NormalDraws(seed: 1, step: 1)), into: vector)
      #expect(vector.isReduced == expected, "σ = \(sigma)")
      #expect(vector.leaves.map { $0.dtype == .bfloat16 } == expected, "σ = \(sigma)")
      return expected.count { $0 }
    }
    // At each tensor's own limit, a little below it and above.
    let places = layout.slices.indices.filter { Self.reducible[layout.slices[$0].name] != nil }
    let limits = places.map { (errors[$0] / 0.04).squareRoot() }.sorted()
    for (count, limit) in limits.enumerated() {
      #expect(try numberReduced(at: limit * Self.below) == count)
      #expect(try numberReduced(at: limit * Self.above) == count + 1)
    }
    #expect(try numberReduced(at: 10) == 3)
  }

  /// Each tensor's own σ decides where each has one.
  @Test func aTensorsOwnSigmaDecides() throws {
    let (layout, mean) = (Self.mixed, try Self.mixedMean())
    let errors = try layout.bfloat16RoundingErrors(of: mean)
    let vector = try ParameterVector(layout: layout, blocks: .tensors, rounding: errors)
    let limits = errors.map { ($0 / 0.04).squareRoot() }
    for (place, slice) in layout.slices.enumerated() {
      let sigmas = limits.indices.map { limits[$0] * ($0 == place ? Self.above : Self.below) }
      vector.choosePrecision(sigmas: sigmas)
      let expected = layout.slices.indices.map { $0 == place && Self.reducible[slice.name] != nil }
      #expect(vector.isReduced == expected, "\(slice.name)")
    }
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

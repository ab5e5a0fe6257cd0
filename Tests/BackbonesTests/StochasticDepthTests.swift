import Backbones
import TestSupport
import Testing
import Torch

@Suite struct StochasticDepthTests {
  /// torchvision's probabilities: the last block's is given, and they rise linearly from the first block's 0.
  @Test func branchesAreDroppedAsOftenAsTheirProbabilitySays() throws {
    let drops = BranchDrops(seed: 3, step: 7)
    for probability in [0.1, 0.5] {
      let factors = drops.factors(20_000, block: 4, probability: probability)
      let kept = Double(factors.count { $0 != 0 }) / 20_000
      #expect(abs(kept - (1 - probability)) < 5 * (probability * (1 - probability) / 20_000).squareRoot())
      #expect(factors.allSatisfy { $0 == 0 || $0 == Float(1 / (1 - probability)) })
    }
    // Another seed, step or block draws anew; the same draws the same.
    let first = drops.factors(64, block: 4, probability: 0.5)
    #expect(first == drops.factors(64, block: 4, probability: 0.5))
    #expect(first != drops.factors(64, block: 5, probability: 0.5))
    #expect(first != BranchDrops(seed: 3, step: 8).factors(64, block: 4, probability: 0.5))
    #expect(first != BranchDrops(seed: 4, step: 7).factors(64, block: 4, probability: 0.5))
  }

  /// A dropped branch is one whose layer scale is 0; the others' scales grow.
  @Test func anExampleWithoutBranchesIsOneOfASmallerNetwork() throws {
    let network = try Backbone.named("convnext_tiny").makeNetwork(classes: 3)
    let subject = try FormulaNetwork(network, dtype: .float64)
    let drops = BranchDrops(seed: 11, step: 0)
    let mode = ForwardContext.Mode.training()
    let dropped = try withoutGrad { try subject.logits(2, side: 32, mode, drops: drops).doubles() }
    let whole = try withoutGrad { try subject.logits(2, side: 32, mode).doubles() }
    #expect(Golden.relativeError(dropped, whole) > 1e-3)

    let scales = network.layout.slices.indices.filter { network.layout.slices[$0].name.hasSuffix("layer_scale") }
    #expect(scales.count == 18)
    var removed = 0
    for example in 0..<2 {
      let changed = try FormulaNetwork(network, dtype: .float64)
      for (block, index) in scales.enumerated() {
        let factor = Double(drops.factors(2, block: block, probability: 0.1 * Double(block) / 17)[example])
        removed += factor == 0 ? 1 : 0
        try changed.leaves[index].mul_(factor)
      }
      let expected = try withoutGrad { try changed.logits(2, side: 32, mode).doubles() }
      #expect(
        Golden.relativeError(
          Array(dropped[3 * example..<3 * example + 3]),
          Array(expected[3 * example..<3 * example + 3])) < 1e-6)
    }
    #expect(removed > 0, "another seed is needed")
  }

  /// Block i of EfficientNet's 16 is dropped with probability 0.2 · i/16, as if its last scale and shift were 0.
  @Test func efficientNetFollowsTorchvisionsSchedule() throws {
    let network = try Backbone.named("efficientnet_b0").makeNetwork(classes: 3)
    let examples = 8
    let drops = BranchDrops(seed: 11, step: 0)
    let subject = try FormulaNetwork(network, dtype: .float64)
    let dropped = try withoutGrad { try subject.logits(examples, side: 32, .evaluation, drops: drops).doubles() }
    // The blocks of each stage; the first of a stage changes the shape and has no branch.
    let counts = [1, 2, 2, 3, 3, 4, 1]
    let blocks = counts.enumerated().flatMap { stage, count in (0..<count).map { (stage: stage, index: $0) } }
    var removed = 0
    for example in 0..<examples {
      let changed = try FormulaNetwork(network, dtype: .float64)
      for (number, block) in blocks.enumerated() where block.index > 0 {
        let factors = drops.factors(examples, block: number, probability: 0.2 * Double(number) / 16)
        let factor = Double(factors[example])
        removed += factor == 0 ? 1 : 0
        let names = ["weight", "bias"].map { "features.\(block.stage + 1).\(block.index).block.3.1.\($0)" }
        for index in network.layout.slices.indices where names.contains(network.layout.slices[index].name) {
          try changed.leaves[index].mul_(factor)
        }
      }
      let expected = try withoutGrad { try changed.logits(examples, side: 32, .evaluation).doubles() }
      let range = 3 * example..<3 * example + 3
      #expect(Golden.relativeError(Array(dropped[range]), Array(expected[range])) < 1e-6)
    }
    #expect(removed > 0, "another seed is needed")
  }

  /// Frozen stages are a fixed function, with which features are computed once.
  @Test(arguments: ["convnext_tiny", "efficientnet_b0"]) func frozenStagesDropNothing(name: String) throws {
    let network = try Backbone.named(name).makeNetwork(classes: 3, training: .head)
    let subject = try FormulaNetwork(network, dtype: .float32)
    let mode = ForwardContext.Mode.training()
    let dropped = try withoutGrad {
      try subject.logits(4, side: 32, mode, drops: BranchDrops(seed: 1, step: 1)).floats()
    }
    #expect(try withoutGrad { try subject.logits(4, side: 32, mode).floats() } == dropped)
  }

  @Test func theNetworksThatHaveItAreKnown() throws {
    let names = Backbone.all.filter(\.hasStochasticDepth).map(\.name)
    #expect(names == ["convnext_tiny", "convnext_small", "convnext_base", "efficientnet_b0", "tf_efficientnet_b0"])
  }
}

import Torch

/// Which residual branches a training step drops: a pure function of (seed, step, block, example), so that no
/// generator's state is stored.
public struct BranchDrops: Sendable, Hashable {
  /// The key of the draws.
  public var seed: UInt64
  /// The training step.
  public var step: UInt64

  /// The draws of one step of one seed.
  public init(seed: UInt64, step: UInt64) {
    (self.seed, self.step) = (seed, step)
  }

  /// For each of so many examples 0 where block `number` is dropped, else 1 / (1 − probability).
  package func factors(_ count: Int, block number: Int, probability: Double) -> [Float] {
    let random = NamedRandom(seed: seed, name: "stochastic depth \(step) \(number)")
    return (0..<count).map { random.uniform($0) < probability ? 0 : Float(1 / (1 - probability)) }
  }
}

/// Drops a residual branch of some examples in training and scales up the others' (Huang et al., ECCV 2016):
/// torchvision's mode `row`.
///
/// Only where the ``ForwardContext`` has ``BranchDrops``, and not in frozen stages, which are fixed functions.
struct StochasticDepth: Sendable {
  let number: Int
  let probability: Double
  /// The parameters that are declared up to the block's end.
  private var parameterCount = 0

  /// Of a network's block of this number, counted from 0, with this probability.
  init(_ number: Int, _ probability: Double) { (self.number, self.probability) = (number, probability) }

  /// The same, where the block ends behind so many parameters.
  func behind(_ count: Int) -> StochasticDepth {
    var copy = self
    copy.parameterCount = count
    return copy
  }

  func callAsFunction(_ branch: Tensor, _ context: ForwardContext) throws(TorchError) -> Tensor {
    guard let drops = context.drops, probability > 0, parameterCount > context.frozenSliceCount else { return branch }
    let count = branch.shape[0]
    let factors = try Tensor(drops.factors(count, block: number, probability: probability), shape: [count, 1, 1, 1])
    return try branch * factors.to(dtype: branch.dtype, device: branch.device)
  }
}

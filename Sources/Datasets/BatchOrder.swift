/// Which examples make up each batch: an endless stream of epochs, each a permutation of all examples.
///
/// Position p = step · batchSize + j of the stream lies in epoch p / N and is `permutation(epoch)[p mod N]`; a batch
/// may span epochs. A pure function of (seed, step, batch size): a run that resumes at a step goes on as if it had
/// never stopped. Only the latest permutation is kept.
public struct BatchOrder: Sendable {
  /// The number N of examples.
  public let count: Int
  /// Another seed gives another order.
  public let seed: UInt64
  private var cached: (epoch: Int, indices: [Int])?

  /// Creates the order of `count` ≥ 1 examples under a seed.
  public init(count: Int, seed: UInt64) {
    precondition(count > 0, "a batch order needs at least one example, found \(count)")
    (self.count, self.seed) = (count, seed)
  }

  /// The examples of one step: indices in `0..<count`, and the epoch each belongs to (for `Augmentation`).
  public mutating func indices(step: Int, batchSize: Int) -> [(index: Int, epoch: Int)] {
    let start = step * batchSize
    return (start..<start + batchSize).map { position in
      let epoch = position / count
      return (permutation(epoch)[position % count], epoch)
    }
  }

  /// The examples in the order of one epoch.
  package mutating func permutation(_ epoch: Int) -> [Int] {
    if let cached, cached.epoch == epoch { return cached.indices }
    let indices = CounterHash(.order, seed, UInt64(epoch)).permutation(count)
    cached = (epoch, indices)
    return indices
  }
}

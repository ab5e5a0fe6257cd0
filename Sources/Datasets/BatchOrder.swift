/// Which examples make up each batch: an endless stream of epochs, each a permutation of all examples.
///
/// Position p = step · batchSize + j of the stream lies in epoch p / N and is `permutation(epoch)[p mod N]`; a batch
/// may span epochs. A pure function of (seed, step, batch size): a run that resumes at a step goes on as if it had
/// never stopped. Only the latest permutation is kept.
///
/// With the examples' lengths, batches are of similar lengths (length bucketing), within pools of four batches.
public struct BatchOrder: Sendable {
  /// The number N of examples.
  public let count: Int
  /// Another seed gives another order.
  public let seed: UInt64
  private let lengths: [Int]?
  private var cached: (epoch: Int, batchSize: Int?, indices: [Int])?

  /// So many batches are filled from one pool of examples of an epoch.
  static let poolSize = 4

  /// Creates the order of `count` ≥ 1 examples under a seed.
  ///
  /// With a length for each example, those that share a batch are of similar lengths.
  public init(count: Int, seed: UInt64, lengths: [Int]? = nil) {
    precondition(count > 0, "a batch order needs at least one example, found \(count)")
    precondition(lengths == nil || lengths?.count == count, "\(lengths?.count ?? 0) lengths of \(count) examples")
    (self.count, self.seed, self.lengths) = (count, seed, lengths)
  }

  /// The examples of one step: indices in `0..<count`, and the epoch each belongs to (for `Augmentation`).
  public mutating func indices(step: Int, batchSize: Int) -> [(index: Int, epoch: Int)] {
    let start = step * batchSize
    return (start..<start + batchSize).map { position in
      let epoch = position / count
      return (permutation(epoch, batchSize: lengths == nil ? nil : batchSize)[position % count], epoch)
    }
  }

  /// The examples in the order of one epoch; with a batch size those of similar lengths together.
  package mutating func permutation(_ epoch: Int, batchSize: Int? = nil) -> [Int] {
    if let cached, cached.epoch == epoch, cached.batchSize == batchSize { return cached.indices }
    var indices = CounterHash(.order, seed, UInt64(epoch)).permutation(count)
    if let batchSize, let lengths { indices = arranged(indices, by: lengths, epoch: epoch, batchSize: batchSize) }
    cached = (epoch, batchSize, indices)
    return indices
  }

  /// Moves examples within an epoch so that batches hold similar lengths.
  ///
  /// The epoch's permutation is cut into pools of four batches, from the first position in the stream at which a batch
  /// begins. Each pool is sorted by length (equal lengths keep the permutation's order) and its batches are put in
  /// random order. So an epoch still is a permutation of all examples, a batch may still span epochs, and everything is
  /// a pure function of (seed, epoch, batch size) and the lengths. What changes: under one seed, another batch size
  /// gives another order, and which examples meet in a batch depends on their lengths.
  private func arranged(_ indices: [Int], by lengths: [Int], epoch: Int, batchSize: Int) -> [Int] {
    var result = indices
    let pool = Self.poolSize * batchSize
    // The first positions complete the batch that the last epoch began.
    let first = (batchSize - epoch * count % batchSize) % batchSize
    for (number, start) in stride(from: first, to: count, by: pool).enumerated() {
      let members = indices[start..<min(start + pool, count)].enumerated()
        .sorted { (lengths[$0.element], $0.offset) < (lengths[$1.element], $1.offset) }.map(\.element)
      let batches = members.count / batchSize
      // What does not fill a batch goes on in the next epoch, so it stays at the end.
      let order = CounterHash(.batches, seed, UInt64(epoch), UInt64(number)).permutation(batches)
      let whole = order.flatMap { members[$0 * batchSize..<($0 + 1) * batchSize] }
      result.replaceSubrange(start..<start + members.count, with: whole + members[(batches * batchSize)...])
    }
    return result
  }
}

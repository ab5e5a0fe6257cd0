extension Dataset {
  /// The training examples in two parts, each in their original order.
  public struct HoldOut: Equatable, Sendable {
    /// What is trained on.
    public var kept: [Example]
    /// What is not trained on, and measured at the end.
    public var heldOut: [Example]

    /// Gathers the two.
    public init(kept: [Example], heldOut: [Example]) { (self.kept, self.heldOut) = (kept, heldOut) }
  }

  /// Divides the training examples, stratified by class and as a function of the seed.
  ///
  /// `count` of them are held out. Of the rest every class has its share, and at least one, so that no class is left
  /// without training examples; a small class may have none that is held out. Throws `DatasetError.subsetTooSmall`
  /// where the rest is smaller than the number of classes.
  public func holdingOut(_ count: Int, seed: UInt64) throws(DatasetError) -> HoldOut {
    let all = splits[.train] ?? []
    let kept: [Int]
    switch targets {
    case .classes(let classes):
      kept = try stratifiedIndices(
        all, classes: classes.count, n: all.count - count, seed: seed, for: .holdOut)
    case .values:
      kept = CounterHash(.holdOut, seed, 0).permutation(all.count).prefix(all.count - count).sorted()
    }
    let isKept = Set(kept)
    return HoldOut(
      kept: kept.map { all[$0] }, heldOut: all.indices.filter { !isKept.contains($0) }.map { all[$0] })
  }
}

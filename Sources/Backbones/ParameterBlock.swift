/// A run of the parameter vector with one σ and one prior scale: the whole backbone, the whole head, or one tensor.
public struct ParameterBlock: Sendable, Hashable {
  /// `backbone`, `head`, or the tensor's name in the state dict.
  public let name: String
  /// Which of the two priors it is under.
  public let part: ParameterGroup
  /// Its elements in the vector; of a whole part with the padding between its tensors.
  public let range: Range<Int>
  /// Its share of D, without padding.
  public let count: Int

  package init(name: String, part: ParameterGroup, range: Range<Int>, count: Int) {
    (self.name, self.part, self.range, self.count) = (name, part, range, count)
  }
}

extension ParameterLayout {
  /// How finely the vector is divided.
  public enum Division: Sendable, Hashable {
    /// Backbone and head.
    case parts
    /// Every tensor.
    case tensors
  }

  /// The blocks in the vector's order; a part without parameters has none.
  public func blocks(_ division: Division) -> [ParameterBlock] {
    switch division {
    case .parts:
      [
        ParameterBlock(name: "backbone", part: .backbone, range: backboneRange, count: backboneCount),
        ParameterBlock(name: "head", part: .head, range: headRange, count: headCount),
      ].filter { $0.count > 0 }
    case .tensors:
      slices.filter { $0.group == .backbone || $0.group == .head }.map {
        ParameterBlock(name: $0.name, part: $0.group, range: $0.range, count: $0.count)
      }
    }
  }
}

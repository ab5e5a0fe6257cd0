import Backbones

/// Where a new classification head starts.
public enum HeadInitialization: String, Codable, Sendable, CaseIterable {
  /// At its prior's mean, as the backbone does.
  ///
  /// The first gradients then come from the data, and τ starts at σ² and grows with what the head learns. A random head
  /// sends random gradients through the backbone until it has been unlearned, and keeps τ at its own variance.
  case zero
  /// Uniform in ±1/√featureWidth, `torch.nn.Linear`'s default, as published.
  case uniform
}

extension Network {
  /// A state whose head starts so; one that is uniform already stays as it is.
  func starting(_ state: StateDict, head: HeadInitialization) -> StateDict {
    guard head == .zero else { return state }
    var state = state
    for (index, slice) in layout.slices.enumerated() where slice.group == .head {
      state.parameters[index] = [Float](repeating: 0, count: slice.count)
    }
    return state
  }
}

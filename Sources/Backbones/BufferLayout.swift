import Torch

/// One running statistic of a BatchNorm layer.
public struct BufferSlice: Sendable, Hashable {
  /// The name in PyTorch's state dict, ending in `running_mean` or `running_var`.
  public let name: String
  /// `[C]`.
  public let shape: [Int]
  /// The value that every element starts with: 0 for a mean, 1 for a variance.
  public let initialValue: Float
}

/// The running statistics of a network: numbers that are saved with it but not trained.
public struct BufferLayout: Sendable, Hashable {
  /// For each BatchNorm layer its running mean, then its running variance.
  public let slices: [BufferSlice]
  /// How many of the first slices belong to layers that are not trained: nothing changes them.
  public private(set) var frozenSliceCount = 0

  /// Statistics that all follow the training.
  init(slices: [BufferSlice]) { self.slices = slices }

  /// The same statistics, fixed up to the first layer that is not frozen.
  func freezing(_ isFrozen: (_ layer: String) -> Bool) -> BufferLayout {
    var layout = self
    layout.frozenSliceCount =
      slices.prefix { isFrozen($0.name.split(separator: ".").dropLast().joined(separator: ".")) }.count
    return layout
  }

  /// The names of PyTorch's counters `num_batches_tracked`, one per BatchNorm layer; nothing here uses their values.
  public var counterNames: [String] {
    slices.filter { $0.name.hasSuffix(".running_mean") }
      .map { $0.name.dropLast("running_mean".count) + "num_batches_tracked" }
  }

  /// Tensors with these values, one array per slice, to be handed to a ``ForwardContext``.
  public func tensors(
    _ values: [[Float]], dtype: DType = .float32, device: Device = .cpu
  ) throws(TorchError) -> [Tensor] {
    var tensors: [Tensor] = []
    for (slice, values) in zip(slices, values) {
      tensors.append(try Tensor(values, shape: slice.shape).to(dtype: dtype, device: device))
    }
    return tensors
  }
}

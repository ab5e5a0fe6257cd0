import CTorch

/// Where a tensor lies (`torch.device`).
public struct Device: Sendable, Hashable, CustomStringConvertible {
  let type: Int8
  let index: Int8

  /// The processor's memory.
  public static let cpu = Device(type: 0, index: -1)

  /// A GPU, counted from 0.
  public static func cuda(_ index: Int = 0) -> Device { Device(type: 1, index: Int8(clamping: index)) }

  /// Whether this is a GPU.
  public var isCUDA: Bool { type == 1 }

  /// As PyTorch writes it: `cpu`, `cuda:0`.
  public var description: String { isCUDA ? "cuda:\(index)" : "cpu" }

  var native: CTDevice { CTDevice(type: type, index: index) }
}

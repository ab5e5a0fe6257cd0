import Backbones
import Torch

/// The weights that a network computes with, and their gradients: two flat vectors, and one leaf per parameter.
///
/// Each leaf is a detached view of its slice of ``weights`` and has its slice of ``gradients`` as `.grad`, set once. So
/// writing to the flat vector changes the network, and `backward` fills the flat gradient; nothing is gathered or
/// scattered.
public final class ParameterVector {
  /// Where each parameter lies.
  public let layout: ParameterLayout
  /// The sampled weights, `[layout.paddedCount]`.
  public let weights: Tensor
  /// The gradient of the loss with respect to ``weights``, `[layout.paddedCount]`; padding stays 0.
  public let gradients: Tensor
  /// The network's parameters, in the layout's order and PyTorch's logical shapes.
  public let leaves: [Tensor]
  /// The arithmetic on vectors of this layout; group 0 is the backbone, group 1 the head.
  public let passes: VectorPasses

  /// Zero weights and gradients for a layout.
  public init(layout: ParameterLayout, dtype: DType = .float32, device: Device = .cpu) throws(TorchError) {
    self.layout = layout
    weights = try Tensor.zeros([layout.paddedCount], dtype: dtype, device: device)
    gradients = try Tensor.zeros([layout.paddedCount], dtype: dtype, device: device)
    passes = VectorPasses(spans: layout.spans)
    var leaves: [Tensor] = []
    for (view, gradient) in zip(try layout.views(of: weights), try layout.views(of: gradients)) {
      let leaf = try view.detach()
      try leaf.setRequiresGrad(true)
      try leaf.setGrad(gradient)
      leaves.append(leaf)
    }
    self.leaves = leaves
  }
}

extension ParameterLayout {
  /// The vector in runs of about 65,536 elements: enough of them to keep every thread busy.
  ///
  /// ε is indexed by a parameter's logical position (PyTorch's O,I,H,W order, without padding), so the storage order, the
  /// dtype, the device and the number of threads do not change the draw.
  var spans: [VectorPasses.Span] {
    slices.flatMap { slice in
      let isTransposed = slice.shape.count == 4 && slice.shape[1] > 1 && slice.shape[2] * slice.shape[3] > 1
      let (inputs, positions) = isTransposed ? (slice.shape[1], slice.shape[2] * slice.shape[3]) : (1, 1)
      let rowCount = inputs * positions
      let rows = slice.count / rowCount
      let rowsPerSpan = max(1, 65536 / rowCount)
      return stride(from: 0, to: rows, by: rowsPerSpan).map { row in
        VectorPasses.Span(
          storage: slice.offset + row * rowCount, logical: slice.logicalOffset + row * rowCount,
          rows: min(rowsPerSpan, rows - row), inputs: inputs, positions: positions,
          group: slice.group == .backbone ? 0 : 1)
      }
    }
  }
}

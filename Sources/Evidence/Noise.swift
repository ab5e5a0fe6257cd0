import Backbones
import Dispatch
import Torch

/// Draws ε for a parameter vector.
///
/// ε is indexed by a parameter's logical position (PyTorch's O,I,H,W order, without padding), so the storage order, the
/// dtype, the device and the number of threads do not change the draw.
public final class Noise {
  /// The last draw, `[layout.paddedCount]`, on the device; padding holds 0.
  public let epsilon: Tensor

  private let host: Tensor
  private let units: [Unit]

  /// A part of a slice that one thread fills.
  private struct Unit {
    var storage: Int
    var logical: Int
    /// Output channels, input channels and kernel positions; only the order of the last two differs in storage.
    var rows: Int
    var inputs: Int
    var positions: Int
  }

  /// Noise for the parameters of a layout.
  public init(layout: ParameterLayout, device: Device = .cpu) throws(TorchError) {
    host = try Tensor.zeros([layout.paddedCount])
    epsilon = device.isCUDA ? try Tensor.zeros([layout.paddedCount], device: device) : host
    units = layout.slices.flatMap(Self.units)
  }

  private static func units(of slice: ParameterSlice) -> [Unit] {
    let isTransposed = slice.shape.count == 4 && slice.shape[1] > 1 && slice.shape[2] * slice.shape[3] > 1
    let inputs = isTransposed ? slice.shape[1] : 1
    let positions = isTransposed ? slice.shape[2] * slice.shape[3] : 1
    let rows = slice.count / (inputs * positions)
    let rowsPerUnit = max(1, 65536 / (inputs * positions))
    return stride(from: 0, to: rows, by: rowsPerUnit).map { row in
      let start = row * inputs * positions
      return Unit(
        storage: slice.offset + start, logical: slice.logicalOffset + start, rows: min(rowsPerUnit, rows - row),
        inputs: inputs, positions: positions)
    }
  }

  /// Overwrites ``epsilon`` with the draws of one step.
  public func draw(_ draws: NormalDraws) throws(TorchError) {
    try host.withMutableFloats { buffer in
      // Units write to disjoint ranges.
      nonisolated(unsafe) let buffer = buffer
      let units = units
      DispatchQueue.concurrentPerform(iterations: units.count) { Self.fill(units[$0], of: buffer, with: draws) }
    }
    if epsilon !== host { try epsilon.copy_(host) }
  }

  private static func fill(_ unit: Unit, of buffer: UnsafeMutableBufferPointer<Float>, with draws: NormalDraws) {
    let rowCount = unit.inputs * unit.positions
    guard unit.positions > 1 else {
      let range = unit.storage..<unit.storage + unit.rows * rowCount
      draws.fill(UnsafeMutableBufferPointer(rebasing: buffer[range]), from: unit.logical)
      return
    }
    withUnsafeTemporaryAllocation(of: Float.self, capacity: rowCount) { row in
      for index in 0..<unit.rows {
        draws.fill(row, from: unit.logical + index * rowCount)
        let storage = unit.storage + index * rowCount
        for position in 0..<unit.positions {
          for input in 0..<unit.inputs {
            buffer[storage + position * unit.inputs + input] = row[input * unit.positions + position]
          }
        }
      }
    }
  }
}

import Backbones
import Foundation
import TestSupport
import Testing
import Torch

/// The tests that take minutes are run by `make test-long`.
let isLong = ProcessInfo.processInfo.environment["GRIDLESS_LONG_TESTS"] == "1"

/// A backbone's golden values, Tests/golden/backbones/<model>.json; make.py beside them says what they are.
struct BackboneGolden: Decodable {
  struct Case: Decodable {
    let side: Int
    let evaluation: [Double]
    /// Nil, and so are the next two, for the largest models.
    let training: [Double]?
    /// A norm and two projections per running statistic.
    let statistics: [String: [Double]]?
    /// A norm and two projections per parameter, in the layout's order.
    let gradients: [[Double]]?
  }
  let classes: Int
  let batch: Int
  let momentum: Double
  let cases: [Case]

  static func load(_ name: String) throws -> BackboneGolden { try Golden.load("backbones/\(name).json") }
}

/// A network at the formula's values, and what it makes of the formula's images.
struct FormulaNetwork {
  let network: Network
  let leaves: [Tensor]
  let buffers: [Tensor]

  init(_ network: Network, dtype: DType) throws {
    self.network = network
    let flat = try Tensor.zeros([network.layout.paddedCount], dtype: dtype)
    // One parameter at a time: the largest networks have 304 million.
    for (slice, view) in zip(network.layout.slices, try network.layout.views(of: flat)) {
      try view.copy_(Tensor(Formula.state(slice.name, shape: slice.shape), shape: slice.shape))
    }
    leaves = try network.layout.views(of: flat).map { try $0.detach() }
    buffers = try network.buffers.slices.map {
      try Tensor(Formula.state($0.name, shape: $0.shape), shape: $0.shape).to(dtype: dtype)
    }
  }

  /// Logits of `count` images of this side.
  func logits(_ count: Int, side: Int, _ mode: ForwardContext.Mode, drops: BranchDrops? = nil) throws -> Tensor {
    let shape = [count, 3, side, side]
    let x = try Tensor(Formula.uniform("input", count: shape.reduce(1, *), -1, 1), shape: shape)
    let context = ForwardContext(parameters: leaves, buffers: buffers, mode: mode, drops: drops)
    return try network(x.to(dtype: leaves[0].dtype), context)
  }

  /// The gradients of these logits' mean cross-entropy, in logical order.
  func gradients(of logits: Tensor) throws -> [[Double]] {
    let targets = Formula.hashes("targets", count: logits.shape[0]).map { Int64($0 % UInt64(logits.shape[1])) }
    try logits.crossEntropy(Tensor(targets, shape: [targets.count])).backward()
    return try leaves.map { try #require(try $0.grad()).doubles() }
  }
}

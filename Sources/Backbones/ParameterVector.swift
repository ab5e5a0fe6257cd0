import Torch

/// The weights that a network computes with, and their gradients: flat vectors, and one leaf per parameter.
///
/// Each leaf is a detached view of its slice of ``weights`` and has its slice of ``gradients`` as `.grad`, set once. So
/// writing to the flat vector changes the network, and `backward` fills the flat gradient; nothing is gathered or
/// scattered. A frozen parameter's leaf has no gradient. In ``Precision/bfloat16`` there is a second pair of vectors,
/// and each parameter's leaf is taken from the pair that its noise can bear.
public final class ParameterVector {
  /// In which precision a network reads its sampled weights; the mean, ε and all sums stay in float32 and above.
  public enum Precision: String, Codable, Sendable, CaseIterable {
    /// All of them in float32.
    case float32 = "fp32"
    /// Convolutions and matrices of the backbone in bfloat16, as soon as σ is so large that rounding leaves the noise
    /// as it is; the head, vectors, tokens and embeddings of positions in float32.
    case bfloat16 = "bf16"
  }

  /// Where each parameter lies.
  public let layout: ParameterLayout
  /// The sampled weights, `[layout.paddedCount]`.
  public let weights: Tensor
  /// The gradient of the loss with respect to ``weights``, `[layout.paddedCount]`; padding stays 0.
  public let gradients: Tensor
  /// The network's parameters, in the layout's order and PyTorch's logical shapes.
  public private(set) var leaves: [Tensor]
  /// The runs of the vector that have a σ and a prior scale of their own: the groups of ``passes``.
  public let blocks: [ParameterBlock]
  /// The arithmetic on vectors of this layout.
  public let passes: VectorPasses

  private let fullLeaves: [Tensor]
  /// Nil for a parameter that no block holds.
  private let blockOfSlice: [Int?]
  private let spans: [(slice: Int, span: VectorPasses.Span)]
  private let reduction: Reduction?

  /// What bfloat16 adds.
  private struct Reduction {
    let weights: Tensor
    let gradients: Tensor
    let leaves: [Tensor]
    /// The smallest σ at which a parameter may be read in bfloat16; nil for those that never are.
    var smallestSigma: [Double?]
  }

  /// Zero weights and gradients for a layout, divided into blocks.
  ///
  /// `rounding` asks for bfloat16 where it gives, by slice, the mean squared error that rounding to bfloat16 makes.
  public init(
    layout: ParameterLayout, blocks division: ParameterLayout.Division = .parts, dtype: DType = .float32,
    device: Device = .cpu, rounding: [Double]? = nil
  ) throws(TorchError) {
    self.layout = layout
    let blocks = layout.blocks(division)
    self.blocks = blocks
    weights = try Tensor.zeros([layout.paddedCount], dtype: dtype, device: device)
    gradients = try Tensor.zeros([layout.paddedCount], dtype: dtype, device: device)
    fullLeaves = try Self.leaves(of: weights, gradients, layout)
    leaves = fullLeaves
    isReduced = layout.slices.map { _ in false }
    blockOfSlice = layout.slices.map { slice in blocks.firstIndex { $0.range.contains(slice.offset) } }
    spans = layout.spans(blockOfSlice)
    passes = VectorPasses(spans: spans.map(\.span))
    if let rounding {
      let weights = try Tensor.zeros([layout.paddedCount], dtype: .bfloat16, device: device)
      let gradients = try Tensor.zeros([layout.paddedCount], dtype: .bfloat16, device: device)
      reduction = Reduction(
        weights: weights, gradients: gradients, leaves: try Self.leaves(of: weights, gradients, layout),
        smallestSigma: zip(layout.slices, rounding).map { slice, error in
          slice.group == .backbone && slice.isKernelOrMatrix ? (error / Self.tolerance).squareRoot() : nil
        })
    } else {
      reduction = nil
    }
  }

  /// The share of the noise's variance that rounding may add.
  private static let tolerance = 0.04

  /// The vector of the weights that are read in bfloat16, nil if none ever is.
  public var reducedWeights: Tensor? { reduction?.weights }
  /// The gradient with respect to ``reducedWeights``.
  public var reducedGradients: Tensor? { reduction?.gradients }
  /// Whether each parameter is read in bfloat16 now.
  public private(set) var isReduced: [Bool]

  /// Makes the network read each parameter in the least precision that leaves noise of this size as it is.
  ///
  /// A weight w plus noise, rounded to bfloat16, is off by up to 2⁻⁸|w|: noise of σ = 1e-4 on |w| ≈ 1 is lost. So a
  /// parameter is read in float32 until rounding adds less than 4 % to the noise's variance. Its block's σ alone
  /// decides, so that a step depends on nothing but its posterior.
  public func choosePrecision(sigmas: [Double]) {
    guard let reduction else { return }
    read(
      reduced: zip(reduction.smallestSigma, blockOfSlice).map { smallest, block in
        guard let smallest, let block else { return false }
        return abs(sigmas[block]) >= smallest
      })
  }

  /// Adds the gradients of both precisions to `sum`, a vector like ``gradients``, and zeroes them.
  public func moveGradients(to sum: Tensor) throws(TorchError) {
    try sum.add_(gradients)
    try gradients.zero_()
    guard let reduced = reducedGradients else { return }
    try sum.add_(reduced)
    try reduced.zero_()
  }

  /// Makes this, times a number, the gradient that the passes read.
  public func setGradients(_ values: Tensor, times factor: Double) throws(TorchError) {
    read(reduced: layout.slices.map { _ in false })
    try gradients.copy_(values)
    try gradients.mul_(factor)
  }

  /// Makes these the weights that the network computes with, in float32.
  public func set(_ values: Tensor) throws(TorchError) {
    read(reduced: layout.slices.map { _ in false })
    try weights.copy_(values)
  }

  private func read(reduced: [Bool]) {
    guard let reduction, reduced != isReduced else { return }
    isReduced = reduced
    leaves = zip(reduced, zip(fullLeaves, reduction.leaves)).map { $0 ? $1.1 : $1.0 }
    passes.spans = spans.map { slice, span in
      var span = span
      span.isReduced = reduced[slice]
      return span
    }
  }

  private static func leaves(
    of weights: Tensor, _ gradients: Tensor, _ layout: ParameterLayout
  ) throws(TorchError) -> [Tensor] {
    var leaves: [Tensor] = []
    let pairs = zip(try layout.views(of: weights), try layout.views(of: gradients))
    for (slice, (view, gradient)) in zip(layout.slices, pairs) {
      let leaf = try view.detach()
      if slice.group != .frozen {
        try leaf.setRequiresGrad(true)
        try leaf.setGrad(gradient)
      }
      leaves.append(leaf)
    }
    return leaves
  }
}

extension ParameterLayout {
  /// The blocks' slices in runs of about 65,536 elements: enough of them to keep every thread busy.
  ///
  /// ε is indexed by a parameter's logical position (PyTorch's O,I,H,W order, without padding), so the storage order,
  /// the dtype, the device and the number of threads do not change the draw. Frozen slices are in no block: no pass
  /// samples or moves them.
  func spans(_ blockOfSlice: [Int?]) -> [(slice: Int, span: VectorPasses.Span)] {
    slices.enumerated().flatMap { index, slice -> [(slice: Int, span: VectorPasses.Span)] in
      guard let block = blockOfSlice[index] else { return [] }
      let (_, inputs, positions) = slice.transposition ?? (outer: slice.count, inner: 1, middle: 1)
      let rowCount = inputs * positions
      let rows = slice.count / rowCount
      let rowsPerSpan = max(1, 65536 / rowCount)
      return stride(from: 0, to: rows, by: rowsPerSpan).map { row in
        let span = VectorPasses.Span(
          storage: slice.offset + row * rowCount, logical: slice.logicalOffset + row * rowCount,
          rows: min(rowsPerSpan, rows - row), inputs: inputs, positions: positions, group: block)
        return (index, span)
      }
    }
  }

  /// The mean squared error of rounding the elements of a vector to bfloat16, by slice.
  ///
  /// bfloat16 keeps 8 significant bits: the spacing at w is 2^(exponent − 7), the error uniform within half of it.
  public func bfloat16RoundingErrors(of vector: Tensor) throws(TorchError) -> [Double] {
    try vector.withMutableFloats { values in
      slices.map { slice in
        let sum = values[slice.range].reduce(0.0) { sum, value in
          let spacing = value == 0 ? 0 : Double(value.binade) * 0x1p-7
          return sum + spacing * spacing / 12
        }
        return sum / Double(slice.count)
      }
    }
  }
}

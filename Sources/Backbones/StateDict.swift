import Weights

/// The values of a network's parameters and running statistics, each in logical (row-major) order.
public struct StateDict: Sendable, Equatable {
  /// One array per slice of the ``ParameterLayout``.
  public var parameters: [[Float]]
  /// One array per slice of the ``BufferLayout``.
  public var buffers: [[Float]]

  /// Gathers values that are in the layouts' order.
  public init(parameters: [[Float]], buffers: [[Float]]) {
    self.parameters = parameters
    self.buffers = buffers
  }
}

/// Where the head's values come from when a checkpoint is loaded.
public enum HeadSource: Sendable, Hashable {
  /// PyTorch's `Linear` default, drawn from a seed, whatever head the checkpoint has.
  case fresh(seed: UInt64)
  /// The checkpoint, whose head must then fit.
  case checkpoint
}

/// A checkpoint whose names and shapes fit but whose values cannot be used.
public enum StateDictError: Error, Equatable, CustomStringConvertible {
  /// A tensor holds a NaN or an infinity; `index` is its place in logical order.
  case notFinite(file: String, name: String, index: Int, value: String)
  /// A variance is below 0.
  case negativeVariance(file: String, name: String, index: Int, value: String)

  /// The file, the tensor, what was found and what to do.
  public var description: String {
    switch self {
    case .notFinite(let file, let name, let index, let value):
      "\(file): \(name)[\(index)] is \(value), expected finite numbers. Download or convert the checkpoint again."
    case .negativeVariance(let file, let name, let index, let value):
      "\(file): \(name)[\(index)] is \(value), expected variances of at least 0. Download or convert the checkpoint again."
    }
  }
}

extension Network {
  /// The starting values of a network trained from scratch: a pure function of seed and names.
  ///
  /// PyTorch's `Linear` default for the head, torchvision's initialisation of this architecture for the rest.
  public func initialState(seed: UInt64) -> StateDict {
    StateDict(
      parameters: layout.slices.map { $0.initialValues(seed: seed) },
      buffers: initialBuffers)
  }

  /// A checkpoint's values by name, as fp32, under a head from `head`.
  ///
  /// A checkpoint's `num_batches_tracked` are ignored, and what transformers' models have beside the network: heads of
  /// pretraining, a pooler, a buffer of positions. Embeddings of positions that were made for images of another size
  /// are interpolated, which ``adaptations(of:)`` tells. Throws Weights' three lists (missing, unexpected, wrong shape)
  /// where names or shapes do not fit, and ``StateDictError`` where a value is NaN or infinite, or a variance below 0.
  public func loadStateDict(_ file: some TensorSource, head: HeadSource) throws -> StateDict {
    let counters = Set(buffers.counterNames)
    let replaced = Set(head == .checkpoint ? [] : backbone.headParameterNames)
    let positions = architecture.positionEmbedding
    let foundPositions = file.shapes.first { $0.name == positions?.name }
    let otherSide = foundPositions.flatMap { positions?.side(of: $0.shape) }
    try StateDictMatch.check(
      expected: layout.slices.map { slice in
        let isAdapted = slice.name == positions?.name && otherSide != nil
        return (slice.name, isAdapted ? foundPositions?.shape ?? slice.shape : slice.shape)
      } + buffers.slices.map { ($0.name, $0.shape) },
      found: file.shapes, file: file.path,
      ignoring: { counters.contains($0) || replaced.contains($0) || isBesideTheNetwork($0) })
    return StateDict(
      parameters: try layout.slices.map { slice in
        if slice.group == .head, case .fresh(let seed) = head { return slice.initialValues(seed: seed) }
        let values = try finiteValues(file, slice.name)
        guard slice.name == positions?.name, let positions, let otherSide else { return values }
        return try positions.resized(values, from: otherSide)
      },
      buffers: try buffers.slices.map { try finiteValues(file, $0.name) })
  }

  /// Whether a tensor's name is one that transformers' models have beside the network.
  private func isBesideTheNetwork(_ name: String) -> Bool {
    let isBeside =
      name.hasPrefix("cls.") || name.hasSuffix(".position_ids") || name == "position_ids"
      || name.hasPrefix("vit.pooler.") || name.hasPrefix("pooler.")
    return isBeside && !layout.slices.contains { $0.name == name }
  }

  /// The arrays of a checkpoint that PyTorch's model of this name loads with `strict=True`.
  ///
  /// fp32, and `num_batches_tracked` (int64, 0: no momentum of Gridless depends on it) for every BatchNorm layer.
  public func namedArrays(_ state: StateDict) -> [NamedArray] {
    let parameters = zip(layout.slices, state.parameters).map { NamedArray(name: $0.name, shape: $0.shape, $1) }
    let statistics = zip(buffers.slices, state.buffers).map { NamedArray(name: $0.name, shape: $0.shape, $1) }
    return parameters + statistics + buffers.counterNames.map { NamedArray(name: $0, shape: [], [0] as [Int64]) }
  }

  private var initialBuffers: [[Float]] {
    buffers.slices.map { [Float](repeating: $0.initialValue, count: $0.shape.reduce(1, *)) }
  }

  private func finiteValues(_ file: some TensorSource, _ name: String) throws -> [Float] {
    let values = try file.floats(name)
    if let index = values.firstIndex(where: { !$0.isFinite }) {
      throw StateDictError.notFinite(file: file.path, name: name, index: index, value: "\(values[index])")
    }
    if name.hasSuffix(".running_var"), let index = values.firstIndex(where: { $0 < 0 }) {
      throw StateDictError.negativeVariance(file: file.path, name: name, index: index, value: "\(values[index])")
    }
    return values
  }
}

extension Backbone {
  /// The number of tokens that a checkpoint of a network of texts has embeddings of; nil where it has none.
  public func vocabularySize(of file: any TensorSource) -> Int? {
    file.shapes.first { $0.name == "bert.embeddings.word_embeddings.weight" }?.shape.first
  }
}

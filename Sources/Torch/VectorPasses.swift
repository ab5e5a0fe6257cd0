import CTorch

/// ε, the standard normal vector of one sample.
public enum Noise {
  /// Drawn where it is used, and never stored.
  case drawn(NormalDraws)
  /// These values, in the parameter vector's order.
  case given(Tensor)
}

/// A range of a parameter vector with its own noise and its own prior.
public struct VectorGroup: Sendable {
  /// Its elements, padding included.
  public var range: Range<Int>
  /// Whether the prior's mean m is given by a vector; otherwise it is 0.
  public var isCentered: Bool
  /// σ, the noise's standard deviation.
  public var sigma: Double
  /// c, by which the prior pulls the mean to m: its gradient is c (w̄ − m).
  public var pull: Double

  /// Gathers the four; without noise and without a pull unless they are given.
  public init(range: Range<Int>, isCentered: Bool, sigma: Double = 0, pull: Double = 0) {
    (self.range, self.isCentered, self.sigma, self.pull) = (range, isCentered, sigma, pull)
  }
}

/// The arithmetic of a step on whole parameter vectors, in three passes over memory.
///
/// Vectors are flat, of float32 or float64. In float32 on the CPU each pass is one fused loop on libtorch's threads,
/// which draws ε where it needs it; sums are accumulated in float64, with the same bits at any number of threads. For
/// another type or device, and where ε is given, the same formulas run as libtorch's own operations.
public final class VectorPasses {
  /// A run of elements of one parameter, `rows × inputs × positions`, that one thread works on.
  public struct Span: Sendable, Hashable {
    /// The first element in the vector.
    public var storage: Int
    /// The first element in the logical order, by which ε is indexed.
    public var logical: Int
    /// The output channels.
    public var rows: Int
    /// The input channels of each.
    public var inputs: Int
    /// The kernel positions of each; storage has them before the inputs.
    public var positions: Int
    /// The index of its group.
    public var group: Int
    /// Whether the network reads these weights in bfloat16.
    public var isReduced = false

    /// A span in full precision.
    public init(storage: Int, logical: Int, rows: Int, inputs: Int = 1, positions: Int = 1, group: Int = 0) {
      (self.storage, self.logical, self.group) = (storage, logical, group)
      (self.rows, self.inputs, self.positions) = (rows, inputs, positions)
    }

    var native: CTSpan {
      CTSpan(
        storage: Int64(storage), logical: Int64(logical), rows: Int64(rows), inputs: Int64(inputs),
        positions: Int64(positions), group: Int32(group), reduced: isReduced)
    }
  }

  /// The parts of the vector; they do not overlap, and what lies between them is padding.
  public var spans: [Span] {
    didSet {
      native = spans.map(\.native)
      storedDraws = nil
    }
  }

  /// What the fused loops are compiled for; tests compare the variants.
  package var instructionSet = NormalDraws.InstructionSet.best

  private var native: [CTSpan]
  /// ε where no fused loop draws it: on the host, and on the vector's device; and whose it is.
  private var stored: (host: Tensor, device: Tensor)?
  private var storedDraws: NormalDraws?

  /// Passes over a vector of these spans.
  public init(spans: [Span]) {
    self.spans = spans
    native = spans.map(\.native)
  }

  /// weights = mean + σε; where a span is reduced, into `reduced`, a bfloat16 vector.
  ///
  /// - Returns: ‖mean − center‖² of each group.
  public func sample(
    mean: Tensor, center: Tensor?, groups: [VectorGroup], noise: Noise, into weights: Tensor, reduced: Tensor? = nil
  ) throws(TorchError) -> [Double] {
    // Where no σ is above 0 there is no noise to be drawn.
    let isNoiseless = groups.allSatisfy { $0.sigma == 0 }
    switch isNoiseless && !isFused(mean) ? .given(try mean.zerosLike()) : try resolve(noise, like: mean) {
    case .drawn(let draws):
      var distances = [Double](repeating: 0, count: groups.count)
      try withPass(groups) {
        ct_pass_sample(
          $0, mean.handle, center?.handle, draws.native, weights.handle, reduced?.handle, &distances)
      }
      return distances
    case .given(let epsilon):
      return try sample(
        mean: mean, center: center, groups: groups, epsilon: epsilon, sigmas: scalars(groups.map(\.sigma), like: mean),
        into: weights, reduced: reduced
      ).doubles()
    }
  }

  /// Σ gᵢεᵢ, and the squared norm of g + c (mean − center), of each group.
  ///
  /// Without noise the first is 0.
  public func reduce(
    gradients: Tensor, reduced: Tensor? = nil, mean: Tensor, center: Tensor?, groups: [VectorGroup], noise: Noise?
  ) throws(TorchError) -> [(dot: Double, squaredNorm: Double)] {
    let noise = try noise.map { noise throws(TorchError) in try resolve(noise, like: mean) }
    if case .given(let epsilon) = noise {
      return try reduceTensors(epsilon)
    }
    guard isFused(mean) else { return try reduceTensors(nil) }
    var dots = [Double](repeating: 0, count: groups.count)
    var norms = dots
    try withPass(groups) { pass in
      guard case .drawn(let draws) = noise else {
        return ct_pass_reduce(
          pass, mean.handle, center?.handle, nil, gradients.handle, reduced?.handle, &dots, &norms)
      }
      var native = draws.native
      return ct_pass_reduce(
        pass, mean.handle, center?.handle, &native, gradients.handle, reduced?.handle, &dots, &norms)
    }
    return zip(dots, norms).map { (dot: $0, squaredNorm: $1) }

    func reduceTensors(_ epsilon: Tensor?) throws(TorchError) -> [(dot: Double, squaredNorm: Double)] {
      let sums = try reduce(
        gradients: gradients, reduced: reduced, mean: mean, center: center, groups: groups, epsilon: epsilon,
        pulls: scalars(groups.map(\.pull), like: mean))
      return zip(try sums.dots.doubles(), try sums.squaredNorms.doubles()).map { (dot: $0, squaredNorm: $1) }
    }
  }

  /// Nesterov's update by the gradient g' = scale (g + c (mean − center)).
  ///
  /// velocity ← momentum·velocity + g', mean ← mean − learningRate (g' + momentum·velocity), as `torch.optim.SGD`; and
  /// g ← 0, for the next backward.
  public func nesterov(
    mean: Tensor, center: Tensor?, gradients: Tensor, reduced: Tensor? = nil, velocity: Tensor, groups: [VectorGroup],
    scale: Double, momentum: Double, learningRate: Double
  ) throws(TorchError) {
    guard isFused(mean) else {
      let numbers = try scalars([scale, learningRate], like: mean)
      return try nesterov(
        mean: mean, center: center, gradients: gradients, reduced: reduced, velocity: velocity, groups: groups,
        pulls: scalars(groups.map(\.pull), like: mean), scale: numbers.select(0), momentum: momentum,
        learningRate: numbers.select(1))
    }
    try withPass(groups) { pass in
      ct_pass_nesterov(
        pass, mean.handle, center?.handle, gradients.handle, reduced?.handle, velocity.handle, scale, momentum,
        learningRate)
    }
  }

  /// ε of a draw, in the vector's order; a float32 vector on the CPU, whose padding is not written.
  public func draw(_ draws: NormalDraws, into epsilon: Tensor) throws(TorchError) {
    let whole = VectorGroup(range: 0..<epsilon.count, isCentered: false)
    let groups = [VectorGroup](repeating: whole, count: (spans.map(\.group).max() ?? 0) + 1)
    try withPass(groups) { ct_pass_draw($0, draws.seed, draws.step, epsilon.handle) }
  }

  /// ε itself, in the order and on the device of vectors like `mean`; its padding is 0, and the next call overwrites
  /// it.
  package func epsilon(_ noise: Noise, like mean: Tensor) throws(TorchError) -> Tensor {
    switch noise {
    case .given(let epsilon): return epsilon
    case .drawn(let draws): return try stored(draws, like: mean)
    }
  }

  /// Whether the passes over vectors like this one are fused loops.
  private func isFused(_ mean: Tensor) -> Bool { mean.dtype == .float32 && !mean.device.isCUDA }

  /// The noise itself where a fused loop draws it, else drawn on the host and given.
  private func resolve(_ noise: Noise, like mean: Tensor) throws(TorchError) -> Noise {
    guard case .drawn(let draws) = noise, !isFused(mean) else { return noise }
    return .given(try stored(draws, like: mean))
  }

  private func stored(_ draws: NormalDraws, like mean: Tensor) throws(TorchError) -> Tensor {
    if stored == nil {
      stored = (
        try Tensor.zeros(mean.shape),
        try Tensor.zeros(mean.shape, dtype: mean.dtype ?? .float32, device: mean.device)
      )
    }
    guard let (host, device) = stored else { throw TorchError("no memory for ε") }
    // A step asks twice: where it samples, and where it reduces.
    if draws != storedDraws {
      storedDraws = nil
      try draw(draws, into: host)
      try device.copy_(host)
      storedDraws = draws
    }
    return device
  }

  private func scalars(_ values: [Double], like mean: Tensor) throws(TorchError) -> Tensor {
    try Tensor(values, shape: [values.count]).to(device: mean.device)
  }

  func withPass(_ groups: [VectorGroup], _ body: (CTPass) -> CTStatus) throws(TorchError) {
    let nativeGroups = groups.map {
      CTGroup(
        start: Int64($0.range.lowerBound), length: Int64($0.range.count), centered: $0.isCentered, sigma: $0.sigma,
        pull: $0.pull)
    }
    let status = native.withUnsafeBufferPointer { spans in
      nativeGroups.withUnsafeBufferPointer { groups in
        body(
          CTPass(
            spans: spans.baseAddress, span_count: spans.count, groups: groups.baseAddress, group_count: groups.count,
            isa: instructionSet.native))
      }
    }
    try check(status)
  }
}

extension NormalDraws {
  fileprivate var native: CTNoise { CTNoise(seed: seed, step: step) }
}

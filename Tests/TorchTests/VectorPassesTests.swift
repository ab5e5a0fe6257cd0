import Testing
import Torch

/// The fused loops against the plain formulas, element by element, with sums in float64.
@Suite struct VectorPassesTests {
  /// Two groups; spans in storage order with padding between them, one of them a convolution's, one longer than a
  /// piece.
  private static let spans = [
    VectorPasses.Span(storage: 0, logical: 0, rows: 10_007),
    VectorPasses.Span(storage: 10_016, logical: 10_007, rows: 5, inputs: 7, positions: 9),
    VectorPasses.Span(storage: 10_336, logical: 10_322, rows: 3, inputs: 600, positions: 9, group: 1),
    VectorPasses.Span(storage: 26_544, logical: 26_522, rows: 3, group: 1),
  ]
  private static let count = 26_560
  private static let draws = NormalDraws(seed: 3, step: 8)
  private static let groups = [
    VectorGroup(range: 0..<10_336, isCentered: true, sigma: 3e-3, pull: 0.25),
    VectorGroup(range: 10_336..<26_560, isCentered: false, sigma: 2e-2, pull: 1.5),
  ]
  private static let sets = NormalDraws.InstructionSet.allCases.filter(\.isAvailable)

  /// Values that no pass makes, scaled to a weight's size; padding holds 0.
  private static func vector(seed: UInt64, scale: Float = 0.05) -> [Float] {
    var values = [Float](repeating: 0, count: count)
    for span in spans {
      let range = span.storage..<span.storage + span.rows * span.inputs * span.positions
      values.withUnsafeMutableBufferPointer {
        NormalDraws(seed: seed, step: 77).fill(UnsafeMutableBufferPointer(rebasing: $0[range]), from: span.storage)
      }
    }
    return values.map { $0 * scale }
  }

  /// ε by the definition: draw number `logical + i` for the i-th element in logical order.
  private static let epsilon: [Float] = {
    var values = [Float](repeating: 0, count: count)
    for span in spans {
      let row = span.inputs * span.positions
      var logical = [Float](repeating: 0, count: span.rows * row)
      logical.withUnsafeMutableBufferPointer { draws.fill($0, from: span.logical) }
      for r in 0..<span.rows {
        for input in 0..<span.inputs {
          for position in 0..<span.positions {
            values[span.storage + r * row + position * span.inputs + input] =
              logical[r * row + input * span.positions + position]
          }
        }
      }
    }
    return values
  }()

  private static func tensor(_ values: [Float]) throws -> Tensor { try Tensor(values, shape: [count]) }

  private func passes(_ set: NormalDraws.InstructionSet, reduced: Bool = false) -> VectorPasses {
    var spans = Self.spans
    if reduced { (spans[1].isReduced, spans[2].isReduced) = (true, true) }
    let passes = VectorPasses(spans: spans)
    passes.instructionSet = set
    return passes
  }

  /// The value that bfloat16 keeps of a float32: rounded to nearest, by adding and taking away.
  private func bfloat16(_ value: Float) -> Float {
    guard value != 0 else { return value }
    let unit = value.ulp * 0x1p16
    return (value / unit).rounded(.toNearestOrEven) * unit
  }

  @Test(arguments: sets, [false, true]) func sampling(set: NormalDraws.InstructionSet, reduced: Bool) throws {
    let (mean, center) = (Self.vector(seed: 1), Self.vector(seed: 2))
    let weights = try Tensor.zeros([Self.count])
    let half = try Tensor.zeros([Self.count], dtype: .bfloat16)
    let passes = passes(set, reduced: reduced)
    let distances = try passes.sample(
      mean: Self.tensor(mean), center: Self.tensor(center), groups: Self.groups, noise: .drawn(Self.draws),
      into: weights, reduced: reduced ? half : nil)
    let (found, foundHalf) = (try weights.floats(), try half.floats())
    for span in passes.spans {
      let sigma = Float(Self.groups[span.group].sigma)
      for i in span.storage..<span.storage + span.rows * span.inputs * span.positions {
        let expected = mean[i] + sigma * Self.epsilon[i]
        guard (span.isReduced ? foundHalf[i] : found[i]) == (span.isReduced ? bfloat16(expected) : expected) else {
          Issue.record("element \(i): found \(found[i]) and \(foundHalf[i]), expected \(expected)")
          return
        }
      }
    }
    for (group, distance) in zip(Self.groups, distances) {
      let expected = group.range.reduce(0.0) {
        let difference = Double(mean[$1]) - (group.isCentered ? Double(center[$1]) : 0)
        return $0 + difference * difference
      }
      #expect(abs(distance / expected - 1) < 1e-12)
    }
  }

  /// Rounded by its bits alone, a NaN whose bits are all set would become −0.
  @Test(arguments: sets) func aNaNStaysOneInBFloat16(set: NormalDraws.InstructionSet) throws {
    let (weights, half) = (try Tensor.zeros([Self.count]), try Tensor.zeros([Self.count], dtype: .bfloat16))
    let mean = [Float](repeating: Float(bitPattern: 0x7fff_ffff), count: Self.count)
    let passes = passes(set, reduced: true)
    _ = try passes.sample(
      mean: Self.tensor(mean), center: Self.tensor(Self.vector(seed: 2)), groups: Self.groups,
      noise: .drawn(Self.draws),
      into: weights, reduced: half)
    let found = try half.floats()
    for span in passes.spans where span.isReduced { #expect(found[span.storage].isNaN, "\(span)") }
  }

  @Test(arguments: sets, [false, true]) func reducing(set: NormalDraws.InstructionSet, reduced: Bool) throws {
    let (mean, center, gradient) = (Self.vector(seed: 1), Self.vector(seed: 2), Self.vector(seed: 3, scale: 2))
    let half = try Self.tensor(gradient).to(dtype: .bfloat16)
    let passes = passes(set, reduced: reduced)
    func reduce(_ noise: Noise?) throws -> [(dot: Double, squaredNorm: Double)] {
      try passes.reduce(
        gradients: Self.tensor(gradient), reduced: reduced ? half : nil, mean: Self.tensor(mean),
        center: Self.tensor(center), groups: Self.groups, noise: noise)
    }
    let found = try reduce(.drawn(Self.draws))
    let halves = try half.floats()
    var read = gradient
    for span in passes.spans where span.isReduced {
      let range = span.storage..<span.storage + span.rows * span.inputs * span.positions
      read.replaceSubrange(range, with: halves[range])
    }
    for (index, group) in Self.groups.enumerated() {
      var (dot, norm) = (0.0, 0.0)
      for i in group.range {
        dot += Double(read[i]) * Double(Self.epsilon[i])
        let total = Double(read[i]) + group.pull * (Double(mean[i]) - (group.isCentered ? Double(center[i]) : 0))
        norm += total * total
      }
      // A sum of n terms of random sign is about √n of its terms' size.
      #expect(abs(found[index].dot - dot) < 1e-9 * Double(group.range.count).squareRoot())
      // Each total is formed in float32.
      #expect(abs(found[index].squaredNorm / norm - 1) < 1e-6)
    }
    let silent = try reduce(nil)
    #expect(silent.map(\.dot) == [0, 0])
    for (a, b) in zip(silent, found) { #expect(abs(a.squaredNorm / b.squaredNorm - 1) < 1e-12) }
  }

  @Test(arguments: sets, [false, true]) func nesterov(set: NormalDraws.InstructionSet, reduced: Bool) throws {
    let (start, center, gradient) = (Self.vector(seed: 1), Self.vector(seed: 2), Self.vector(seed: 3, scale: 2))
    let gradients = try Self.tensor(gradient)
    let half = try gradients.to(dtype: .bfloat16)
    let (mean, velocity) = (try Self.tensor(start), try Self.tensor(Self.vector(seed: 4)))
    let passes = passes(set, reduced: reduced)
    let (halves, velocities) = (try half.floats(), try velocity.floats())
    try passes.nesterov(
      mean: mean, center: Self.tensor(center), gradients: gradients, reduced: reduced ? half : nil,
      velocity: velocity, groups: Self.groups, scale: 0.5, momentum: 0.9, learningRate: 0.1)
    let (foundMean, foundVelocity) = (try mean.floats(), try velocity.floats())
    for span in passes.spans {
      let group = Self.groups[span.group]
      for i in span.storage..<span.storage + span.rows * span.inputs * span.positions {
        let pull = group.pull * (Double(start[i]) - (group.isCentered ? Double(center[i]) : 0))
        let total = 0.5 * (Double(span.isReduced ? halves[i] : gradient[i]) + pull)
        let v = 0.9 * Double(velocities[i]) + total
        let expected = Double(start[i]) - 0.1 * (total + 0.9 * v)
        guard abs(Double(foundVelocity[i]) - v) < 1e-6, abs(Double(foundMean[i]) - expected) < 1e-6 else {
          Issue.record("element \(i): found \(foundMean[i]), expected \(expected)")
          return
        }
      }
    }
    // What the network read is zero again; what it did not read was not touched.
    let (left, leftHalf) = (try gradients.floats(), try half.floats())
    for span in passes.spans {
      #expect(left[span.storage] == (span.isReduced ? gradient[span.storage] : 0))
      if reduced { #expect((leftHalf[span.storage] == 0) == span.isReduced) }
    }
  }

  /// float64, where ε is given and libtorch's own operations run, is the same arithmetic.
  @Test func libtorchsOperationsAgreeWithTheFusedLoops() throws {
    func run(_ dtype: DType, _ noise: Noise) throws -> (values: [[Double]], sums: [Double]) {
      let (mean, center) = (
        try Self.tensor(Self.vector(seed: 1)).to(dtype: dtype), try Self.tensor(Self.vector(seed: 2)).to(dtype: dtype)
      )
      let gradients = try Self.tensor(Self.vector(seed: 3)).to(dtype: dtype)
      let velocity = try Self.tensor(Self.vector(seed: 4)).to(dtype: dtype)
      let weights = try Tensor.zeros([Self.count], dtype: dtype)
      let passes = passes(.best)
      let distances = try passes.sample(mean: mean, center: center, groups: Self.groups, noise: noise, into: weights)
      let sums = try passes.reduce(
        gradients: gradients, mean: mean, center: center, groups: Self.groups, noise: noise)
      try passes.nesterov(
        mean: mean, center: center, gradients: gradients, velocity: velocity, groups: Self.groups, scale: 0.5,
        momentum: 0.9, learningRate: 0.1)
      return (
        try [weights, mean, velocity, gradients].map { try $0.doubles() },
        distances + sums.map(\.squaredNorm) + sums.map(\.dot)
      )
    }
    let fused = try run(.float32, .drawn(Self.draws))
    let given = try Tensor(Self.epsilon, shape: [Self.count]).to(dtype: .float64)
    for plain in [try run(.float64, .given(given)), try run(.float64, .drawn(Self.draws))] {
      for (a, b) in zip(fused.values, plain.values) {
        #expect(zip(a, b).allSatisfy { abs($0 - $1) < 1e-6 })
      }
      for (a, b) in zip(fused.sums, plain.sums) { #expect(abs(a - b) < 1e-6 * max(abs(b), 1)) }
    }
  }

  /// bfloat16 by libtorch's operations: as if the network read float32, but for the rounding of what it reads, and the
  /// gradient of each parameter from the vector in which backward left it.
  @Test func libtorchsOperationsKnowReducedSpans() throws {
    let epsilon = try Tensor(Self.epsilon, shape: [Self.count]).to(dtype: .float64)
    func vector(_ seed: UInt64) throws -> Tensor { try Self.tensor(Self.vector(seed: seed)).to(dtype: .float64) }
    let (mean, center, weights) = (try vector(1), try vector(2), try Tensor.zeros([Self.count], dtype: .float64))
    let half = try Tensor.zeros([Self.count], dtype: .bfloat16)
    let passes = passes(.best, reduced: true)
    _ = try passes.sample(
      mean: mean, center: center, groups: Self.groups, noise: .given(epsilon), into: weights, reduced: half)
    #expect(try half.floats() == weights.floats().map(bfloat16))

    // A gradient that bfloat16 holds exactly, apart by span, and whole.
    let gradient = Self.vector(seed: 3).map(bfloat16)
    var (full, reduced) = (gradient, [Float](repeating: 0, count: Self.count))
    for span in passes.spans where span.isReduced {
      for i in span.storage..<span.storage + span.rows * span.inputs * span.positions {
        (reduced[i], full[i]) = (gradient[i], 0)
      }
    }
    func update(
      _ passes: VectorPasses, _ values: [Float], _ half: Tensor?
    ) throws -> (vectors: [[Double]], sums: [Double]) {
      let gradients = try Self.tensor(values).to(dtype: .float64)
      let (mean, velocity) = (try vector(1), try vector(4))
      let sums = try passes.reduce(
        gradients: gradients, reduced: half, mean: mean, center: center, groups: Self.groups, noise: .given(epsilon))
      try passes.nesterov(
        mean: mean, center: center, gradients: gradients, reduced: half, velocity: velocity, groups: Self.groups,
        scale: 0.5, momentum: 0.9, learningRate: 0.1)
      return (try [mean, velocity, gradients].map { try $0.doubles() }, sums.flatMap { [$0.dot, $0.squaredNorm] })
    }
    let halfGradients = try Self.tensor(reduced).to(dtype: .bfloat16)
    let found = try update(passes, full, halfGradients)
    let expected = try update(self.passes(.best), gradient, nil)
    #expect(found.vectors == expected.vectors)
    #expect(found.sums == expected.sums)
    #expect(try halfGradients.floats().allSatisfy { $0 == 0 })
  }

  /// ⅓ is rounded, and its square has 48 bits: no float32 sum, not even one by lanes, comes within 1e-9 as the fused
  /// loops do.
  ///
  /// libtorch's operations add rows of 1024 products in float32: equal products are all rounded alike, by up to 6e-8,
  /// and a tree of 1024 of them adds ten more roundings.
  @Test func float64SumsDoNotLoseSmallTerms() throws {
    let count = 20_000_003
    let passes = VectorPasses(spans: [VectorPasses.Span(storage: 0, logical: 0, rows: count)])
    let groups = [VectorGroup(range: 0..<count, isCentered: true)]
    let third = Double(Float(1) / 3)
    let (thirds, zeros) = (try Tensor.full([count], third), try Tensor.zeros([count]))
    for (noise, tolerance) in [(Noise.drawn(Self.draws), 1e-9), (.given(thirds), 11 * 6e-8)] {
      func isTheSum(_ found: Double) -> Bool { abs(found / (Double(count) * third * third) - 1) < tolerance }
      let distances = try passes.sample(
        mean: thirds, center: zeros, groups: groups, noise: noise, into: Tensor.empty([count]))
      #expect(distances.count == 1 && isTheSum(distances[0]))
      let sums = try passes.reduce(gradients: thirds, mean: zeros, center: zeros, groups: groups, noise: noise)
      #expect(isTheSum(sums[0].squaredNorm))
      if case .given = noise { #expect(isTheSum(sums[0].dot)) }
    }
  }

  /// The same bits from one thread, two and three.
  @Test func threadsDoNotChangeTheBits() throws {
    let before = Runtime.threads
    defer { try? Runtime.setThreads(before) }
    var results: [[Double]] = []
    for threads in [1, 2, 3] {
      try Runtime.setThreads(threads)
      let mean = try Self.tensor(Self.vector(seed: 1))
      let weights = try Tensor.zeros([Self.count])
      let distances = try passes(.best).sample(
        mean: mean, center: mean, groups: Self.groups, noise: .drawn(Self.draws), into: weights)
      let sums = try passes(.best).reduce(
        gradients: weights, mean: mean, center: mean, groups: Self.groups, noise: .drawn(Self.draws))
      results.append(try weights.doubles() + distances + sums.flatMap { [$0.dot, $0.squaredNorm] })
    }
    #expect(results[0] == results[1])
    #expect(results[0] == results[2])
  }

  /// ε that no fused loop draws is kept from one pass of a step to the next, and not longer.
  @Test func drawsThatAreKeptBelongToTheirStep() throws {
    let passes = passes(.best)
    let mean = try Tensor.zeros([Self.count], dtype: .float64)
    func epsilon(_ step: UInt64) throws -> [Double] {
      try passes.epsilon(.drawn(NormalDraws(seed: 3, step: step)), like: mean).doubles()
    }
    #expect(try epsilon(8) == Self.epsilon.map(Double.init))
    #expect(try epsilon(9) != epsilon(8))
    #expect(try epsilon(8) == Self.epsilon.map(Double.init))
    #expect(try epsilon(8) == Self.epsilon.map(Double.init))
    passes.spans[3].logical += 5
    #expect(try epsilon(8) != Self.epsilon.map(Double.init))
  }

  @Test func vectorsThatDoNotFitAreRefused() throws {
    let short = try Tensor.zeros([100])
    let fitting = try Tensor.zeros([Self.count])
    #expect(throws: TorchError.self) {
      try self.passes(.best).sample(
        mean: short, center: nil, groups: Self.groups, noise: .drawn(Self.draws), into: short)
    }
    #expect(throws: TorchError.self) {
      try self.passes(.best).sample(
        mean: fitting, center: nil, groups: Self.groups, noise: .drawn(Self.draws), into: fitting)
    }
    #expect(throws: TorchError.self) {
      try self.passes(.best, reduced: true).sample(
        mean: fitting, center: fitting, groups: Self.groups, noise: .drawn(Self.draws), into: fitting)
    }
  }
}

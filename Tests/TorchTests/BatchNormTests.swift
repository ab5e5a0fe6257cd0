import Testing

import Torch

/// Batch normalisation with what follows it, in one operation, against libtorch's own operations in float64.
@Suite struct BatchNormTests {
  /// A layer: `[N, C, H, W]`, what follows it, and whether a shortcut is added.
  struct Layer: CustomTestStringConvertible, Sendable {
    var shape: [Int]
    var activation: Activation
    var adds: Bool
    var testDescription: String { "\(shape) \(activation)\(adds ? " with a shortcut" : "")" }
  }

  /// Channels that fill vectors and that do not, rows that are left over, and more rows than a chunk has.
  static let layers =
    [
      [2, 64, 5, 5], [3, 24, 7, 3], [2, 7, 3, 3], [1, 3, 2, 3], [5, 100, 1, 1], [4, 16, 40, 40], [3, 1664, 3, 3],
    ].flatMap { shape in
      Activation.allCases.flatMap { activation in
        [false, true].map { Layer(shape: shape, activation: activation, adds: $0) }
      }
    } + [
      // Of more bytes than caches hold, in bfloat16 too.
      Layer(shape: [4, 32, 320, 321], activation: .relu, adds: true),
      Layer(shape: [4, 32, 320, 321], activation: .relu6, adds: false),
    ]

  /// What a layer gives, and the gradients that it sends back.
  struct Outcome {
    var output: [Float]
    var runningMean: [Float]
    var runningVar: [Float]
    var gradients: [[Float]]
  }

  /// A number in [−1, 1] for each index, the same for all types.
  static func values(_ shape: [Int], _ stream: Int, dtype: DType) throws -> Tensor {
    let count = shape.reduce(1, *)
    let numbers = (0..<count).map { index -> Double in
      let hash = UInt64(truncatingIfNeeded: index &* 2_654_435_761 &+ stream &* 40_503) &* 0x9E37_79B9_7F4A_7C15
      // Few bits, so that bfloat16 holds them exactly.
      return Double(hash >> 57) / 64 - 1
    }
    return try Tensor(numbers, shape: shape).to(dtype: dtype)
  }

  /// How a tensor of images lies in memory.
  struct Memory: CustomTestStringConvertible, Sendable {
    var dtype: DType
    /// Row-major; otherwise channels-last, as rows of channels.
    var isPlain = false
    var testDescription: String { "\(isPlain ? "row-major" : "channels-last") \(dtype)" }
  }

  /// `[N, C, H, W]`, the same values however they lie.
  static func images(_ shape: [Int], _ stream: Int, in memory: Memory) throws -> Tensor {
    let rows = try values([shape[0], shape[2], shape[3], shape[1]], stream, dtype: memory.dtype).permute([0, 3, 1, 2])
    let tensor = memory.isPlain ? try rows.contiguous() : rows
    try tensor.setRequiresGrad(true)
    return tensor
  }

  /// `[N, C, H, W]` as rows of channels.
  static func channelsLast(_ shape: [Int], _ stream: Int, dtype: DType) throws -> Tensor {
    try images(shape, stream, in: Memory(dtype: dtype))
  }

  static func run(_ layer: Layer, dtype: DType, parameters: DType) throws -> Outcome {
    try run(layer, Memory(dtype: dtype), adding: Memory(dtype: dtype), parameters: parameters)
  }

  static func run(_ layer: Layer, _ input: Memory, adding added: Memory, parameters: DType) throws -> Outcome {
    let channels = layer.shape[1]
    func parameter(_ stream: Int, plus offset: Double) throws -> Tensor {
      try values([channels], stream, dtype: parameters) + offset
    }
    let x = try images(layer.shape, 1, in: input)
    let shortcut = layer.adds ? try images(layer.shape, 2, in: added) : nil
    let weight = try parameter(3, plus: 1.5)
    let bias = try parameter(4, plus: 0)
    try weight.setRequiresGrad(true)
    try bias.setRequiresGrad(true)
    let (mean, variance) = (try parameter(5, plus: 0), try parameter(6, plus: 2))
    let y = try x.batchNorm(
      weight: weight, bias: bias, runningMean: mean, runningVar: variance, training: true, momentum: 0.1, eps: 1e-5,
      adding: shortcut, activation: layer.activation)
    // A product that is not the same everywhere, so that every gradient differs.
    try (y * values(layer.shape, 7, dtype: input.dtype)).sum().backward()
    let leaves = [x, weight, bias] + (shortcut.map { [$0] } ?? [])
    return Outcome(
      output: try y.to(dtype: .float32).contiguous().floats(), runningMean: try mean.to(dtype: .float32).floats(),
      runningVar: try variance.to(dtype: .float32).floats(),
      gradients: try leaves.map { leaf in
        try #require(try leaf.grad()).to(dtype: .float32).contiguous().floats()
      })
  }

  static func norm(_ values: [Float]) -> Float { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }

  /// ‖a − b‖ / ‖b‖.
  static func distance(_ a: [Float], _ b: [Float]) -> Float {
    norm(zip(a, b).map { $0 - $1 }) / max(norm(b), 1e-3)
  }

  /// Whether each is its bfloat16: one operation rounds at its end, where several round the normalised values before a
  /// shortcut is added to them.
  static func isRoundedOnce(_ found: [Float], from expected: [Float]) -> Bool {
    zip(found, expected).allSatisfy { abs($0 - $1) <= abs($1) / 256 + 1e-5 }
  }

  @Test(arguments: layers) func float32AgreesWithFloat64(_ layer: Layer) throws {
    let found = try Self.run(layer, dtype: .float32, parameters: .float32)
    let expected = try Self.run(layer, dtype: .float64, parameters: .float64)
    #expect(Self.distance(found.output, expected.output) < 2e-6)
    #expect(Self.distance(found.runningMean, expected.runningMean) < 1e-6)
    #expect(Self.distance(found.runningVar, expected.runningVar) < 1e-6)
    for (found, expected) in zip(found.gradients, expected.gradients) {
      #expect(Self.distance(found, expected) < 5e-5)
    }
  }

  /// Outputs and gradients are rounded to eight bits; the sums are not.
  @Test(arguments: layers) func bfloat16AgreesWithFloat64(_ layer: Layer) throws {
    let found = try Self.run(layer, dtype: .bfloat16, parameters: .float32)
    let expected = try Self.run(layer, dtype: .float64, parameters: .float64)
    #expect(Self.isRoundedOnce(found.output, from: expected.output))
    #expect(Self.distance(found.runningMean, expected.runningMean) < 1e-6)
    #expect(Self.distance(found.runningVar, expected.runningVar) < 1e-6)
    for (found, expected) in zip(found.gradients, expected.gradients) {
      #expect(Self.distance(found, expected) < 2e-2)
    }
  }

  /// The output by the running statistics, where no gradient is asked for.
  static func evaluate(_ layer: Layer, _ input: Memory, adding added: Memory, parameters: DType) throws -> [Float] {
    let x = try images(layer.shape, 1, in: input)
    let shortcut = layer.adds ? try images(layer.shape, 2, in: added) : nil
    func parameter(_ stream: Int, plus offset: Double) throws -> Tensor {
      try values([layer.shape[1]], stream, dtype: parameters) + offset
    }
    let (mean, variance) = (try parameter(5, plus: 0), try parameter(6, plus: 2))
    let y = try withoutGrad {
      try x.batchNorm(
        weight: parameter(3, plus: 1.5), bias: parameter(4, plus: 0), runningMean: mean, runningVar: variance,
        training: false, momentum: 0, eps: 1e-5, adding: shortcut, activation: layer.activation)
    }
    // What was read is as it was.
    #expect(try mean.doubles() == parameter(5, plus: 0).doubles())
    #expect(try x.doubles() == images(layer.shape, 1, in: input).doubles())
    return try y.to(dtype: .float32).contiguous().floats()
  }

  /// By the running statistics, in one pass where no gradient is asked for.
  @Test(arguments: layers) func evaluationAgreesWithFloat64(_ layer: Layer) throws {
    func output(_ dtype: DType, parameters: DType) throws -> [Float] {
      try Self.evaluate(layer, Memory(dtype: dtype), adding: Memory(dtype: dtype), parameters: parameters)
    }
    let expected = try output(.float64, parameters: .float64)
    #expect(try Self.distance(output(.float32, parameters: .float32), expected) < 2e-6)
    #expect(try Self.isRoundedOnce(output(.bfloat16, parameters: .float32), from: expected))
  }

  /// An input, and the shortcut that is added to it, which the loops cannot read as rows of channels of one type.
  struct Unfused: CustomTestStringConvertible, Sendable {
    var input: Memory
    var shortcut: Memory?
    var testDescription: String {
      input.testDescription + (shortcut.map { " with a \($0.testDescription) shortcut" } ?? "")
    }
  }

  static let unfused = [
    Unfused(input: Memory(dtype: .float32, isPlain: true)),
    Unfused(input: Memory(dtype: .float32, isPlain: true), shortcut: Memory(dtype: .float32, isPlain: true)),
    Unfused(input: Memory(dtype: .float32, isPlain: true), shortcut: Memory(dtype: .float32)),
    Unfused(input: Memory(dtype: .float32), shortcut: Memory(dtype: .float32, isPlain: true)),
    Unfused(input: Memory(dtype: .float32), shortcut: Memory(dtype: .bfloat16)),
    Unfused(input: Memory(dtype: .bfloat16), shortcut: Memory(dtype: .float32)),
    Unfused(input: Memory(dtype: .bfloat16, isPlain: true)),
    Unfused(input: Memory(dtype: .bfloat16), shortcut: Memory(dtype: .bfloat16, isPlain: true)),
  ]

  /// What does not lie as the loops read it is left to libtorch, whose own result in float64 it has; read as if it did,
  /// it would be as far from it as the result is large.
  ///
  /// libtorch rounds the normalised bfloat16 values before it adds to them: by up to 2⁻⁹, or 4e-3 with the sum's own
  /// rounding. A shortcut in bfloat16 has values that it holds exactly, and so has its gradient.
  @Test(arguments: unfused, Activation.allCases)
  func whatTheLoopsCannotReadIsLeftToLibtorch(_ unfused: Unfused, _ activation: Activation) throws {
    let isRounded = unfused.input.dtype == .bfloat16
    let tolerance: (output: Float, gradient: Float) = isRounded ? (4e-3, 2e-2) : (2e-6, 5e-5)
    let added = unfused.shortcut ?? unfused.input
    let exact = Memory(dtype: .float64)
    for shape in [[2, 64, 5, 5], [3, 24, 7, 3], [2, 7, 3, 3]] {
      let layer = Layer(shape: shape, activation: activation, adds: unfused.shortcut != nil)
      let found = try Self.run(layer, unfused.input, adding: added, parameters: .float32)
      let expected = try Self.run(layer, exact, adding: exact, parameters: .float64)
      #expect(Self.distance(found.output, expected.output) < tolerance.output, "\(layer)")
      #expect(Self.distance(found.runningMean, expected.runningMean) < 1e-6, "\(layer)")
      #expect(Self.distance(found.runningVar, expected.runningVar) < 1e-6, "\(layer)")
      for (found, expected) in zip(found.gradients, expected.gradients) {
        #expect(Self.distance(found, expected) < tolerance.gradient, "\(layer)")
      }
      let evaluated = try Self.evaluate(layer, unfused.input, adding: added, parameters: .float32)
      let exactly = try Self.evaluate(layer, exact, adding: exact, parameters: .float64)
      #expect(Self.distance(evaluated, exactly) < tolerance.output, "\(layer)")
    }
  }

  /// Weight, bias, running mean and running variance, in this order, of which one is of another type or length.
  private struct Vectors {
    var changed: Int?
    var dtype = DType.float32
    var channels = 32

    func vector(_ place: Int, plus offset: Double, otherwise usual: DType) throws -> Tensor {
      let isChanged = place == changed
      return try BatchNormTests.values([isChanged ? channels : 32], 3 + place, dtype: isChanged ? dtype : usual)
        + offset
    }

    /// The output of 32 channels in the channels-last order, and the running statistics behind it.
    func outcome(training: Bool, dtype: DType = .float32) throws -> [Float] {
      let x = try BatchNormTests.values([2, 3, 3, 32], 1, dtype: dtype).permute([0, 3, 1, 2])
      let mean = try vector(2, plus: 0, otherwise: dtype)
      let variance = try vector(3, plus: 2, otherwise: dtype)
      let y = try withoutGrad {
        try x.batchNorm(
          weight: vector(0, plus: 1.5, otherwise: dtype), bias: vector(1, plus: 0, otherwise: dtype), runningMean: mean,
          runningVar: variance, training: training, momentum: 0.1, eps: 1e-5, activation: .relu)
      }
      return try y.contiguous().floats() + mean.floats() + variance.floats()
    }
  }

  /// What is not float32 is never read as if it were: the values are right, or libtorch refuses them.
  @Test(arguments: 0..<4, [false, true]) func vectorsOfAnotherTypeAreNotMisread(place: Int, training: Bool) throws {
    let expected = try Vectors().outcome(training: training, dtype: .float64)
    #expect(try Self.distance(Vectors().outcome(training: training), expected) < 2e-6)
    do {
      let found = try Vectors(changed: place, dtype: .float64).outcome(training: training)
      #expect(Self.distance(found, expected) < 2e-6)
    } catch let error as TorchError {
      #expect(!error.message.isEmpty)
    }
  }

  /// Nothing is read or written behind a vector's end.
  @Test(arguments: 0..<4, [false, true]) func vectorsOfTooFewChannelsAreRefused(place: Int, training: Bool) throws {
    #expect(throws: TorchError.self) { try Vectors(changed: place, channels: 16).outcome(training: training) }
  }

  /// Divergence must be seen: neither ReLU nor the rounding may hide a NaN.
  @Test(arguments: Activation.allCases, [DType.float32, .bfloat16])
  func aNaNStaysOne(_ activation: Activation, _ dtype: DType) throws {
    let x = try (Self.values([2, 4, 4, 32], 1, dtype: dtype) * .nan).permute([0, 3, 1, 2])
    let ones = try Tensor.ones([32])
    let y = try x.batchNorm(
      weight: ones, bias: try Tensor.zeros([32]), runningMean: try Tensor.zeros([32]),
      runningVar: try Tensor.ones([32]), training: true, momentum: 0.1, eps: 1e-5, activation: activation)
    #expect(try y.to(dtype: .float32).contiguous().floats().allSatisfy(\.isNaN))
  }

  @Test(arguments: Activation.allCases) func anInfinityMakesItsChannelNaN(_ activation: Activation) throws {
    var numbers = (0..<2 * 3 * 3 * 32).map { Float($0 % 7) }
    numbers[5 * 32 + 3] = .infinity
    let x = try Tensor(numbers, shape: [2, 3, 3, 32]).permute([0, 3, 1, 2])
    let (ones, variance) = (try Tensor.ones([32]), try Tensor.ones([32]))
    let y = try x.batchNorm(
      weight: ones, bias: try Tensor.zeros([32]), runningMean: try Tensor.zeros([32]), runningVar: variance,
      training: true, momentum: 0.1, eps: 1e-5, activation: activation)
    let values = try y.permute([0, 2, 3, 1]).contiguous().floats()
    #expect(values.indices.allSatisfy { ($0 % 32 == 3) == values[$0].isNaN })
    #expect(try variance.floats().enumerated().allSatisfy { ($0.offset == 3) == $0.element.isNaN })
  }

  @Test func aConstantChannelIsNormalisedToItsShift() throws {
    let x = try (Tensor.zeros([2, 3, 3, 16]) + 1000.1).permute([0, 3, 1, 2])
    let (mean, variance) = (try Tensor.zeros([16]), try Tensor.ones([16]))
    let y = try x.batchNorm(
      weight: try Tensor.ones([16]), bias: try Tensor.zeros([16]) + 0.5, runningMean: mean, runningVar: variance,
      training: true, momentum: 1, eps: 1e-5)
    #expect(try y.contiguous().floats().allSatisfy { abs($0 - 0.5) < 1e-6 })
    #expect(try variance.floats().allSatisfy { $0 == 0 })
    #expect(try mean.floats().allSatisfy { $0 == 1000.1 })
  }

  @Test func theNumberOfThreadsChangesNoBit() throws {
    let layer = Layer(shape: [4, 24, 64, 64], activation: .relu6, adds: true)
    let before = Runtime.threads
    defer { try? Runtime.start(threads: before) }
    try Runtime.start(threads: 1)
    let one = try Self.run(layer, dtype: .float32, parameters: .float32)
    try Runtime.start(threads: 2)
    let two = try Self.run(layer, dtype: .float32, parameters: .float32)
    #expect(one.output == two.output)
    #expect(one.gradients == two.gradients)
  }
}

import Backbones
import Evidence
import Torch

/// The step of ``VariationalStep`` with every scalar on the device: nothing waits for the host, and any number of steps
/// can follow each other before it looks.
///
/// The equations are those of ``Evidence``: (1) and (4) to (9), in float64, here on tensors that hold a value for each
/// block, the backbone and the head. A step reads its row of a plan and writes its row of the records; the plan of a
/// whole block of steps is put on the device at once, and the records are read at once. Where a term is not finite,
/// neither that step nor a later one of the block changes the posterior or the optimiser. The running statistics of
/// BatchNorm are not protected: a forward pass moves them before anything is known.
package final class DeviceStep {
  /// What a step found, a row of the records.
  private enum Column: Int, CaseIterable { case nll, kl, lambda, tau, sigma, norm }

  private let model: Model
  private let objective: DataEmphasizedELBO
  private let posterior: GaussianPosterior
  private let optimizer: NesterovSGD
  /// The images and labels of a step's row of the plan.
  private let input: (Tensor) throws -> Batch
  /// Writes ε of the next step; the device's own generator unless a test gives it.
  private let draw: (Tensor) throws -> Void

  /// ε; nil of a point.
  private let epsilon: Tensor?
  /// D of each block.
  private let counts: Tensor
  /// λ or τ of each block where one of them is given, 1 where it is learned; of a point ∞ is no penalty.
  private let givenScales: Tensor?
  /// Whether it is given.
  private let isGiven: Tensor
  /// σ where it is not learned.
  private let givenSigma: Tensor?
  private let unknown: Tensor
  private let rho: Tensor
  private let rhoVelocity: Tensor
  /// Whether every step of the block has been finite so far.
  private let isSound: Tensor
  /// The step's row in the block, `[1]`.
  private let row: Tensor
  private let rowNumbers: Tensor
  private let rates: Tensor
  private let items: Tensor
  private let records: Tensor

  /// The most steps of a block.
  package let capacity: Int

  /// A step of an objective, nil where its prior or posterior has no closed form here.
  ///
  /// `input` gets an int64 tensor `[batchSize, itemWidth]`, a row of the plan.
  package init?(
    model: Model, objective: DataEmphasizedELBO, posterior: GaussianPosterior, optimizer: NesterovSGD, capacity: Int,
    batchSize: Int, itemWidth: Int, input: @escaping (Tensor) throws -> Batch,
    draw: @escaping (Tensor) throws -> Void = { try $0.normal_() }
  ) throws(TorchError) {
    let prior = objective.prior
    guard Self.obstacles(prior: prior, family: posterior.family, isPoint: posterior.isPoint).isEmpty else { return nil }
    (self.model, self.objective, self.posterior, self.optimizer) = (model, objective, posterior, optimizer)
    (self.capacity, self.input, self.draw) = (capacity, input, draw)
    let (device, blocks, isPoint) = (posterior.mean.device, posterior.blocks, posterior.isPoint)
    epsilon =
      isPoint
      ? nil : try Tensor.zeros(posterior.mean.shape, dtype: posterior.mean.dtype ?? .float32, device: device)
    func ofBlocks(_ values: [Double]) throws(TorchError) -> Tensor {
      try Tensor(values, shape: [blocks.count]).to(device: device)
    }
    counts = try ofBlocks(blocks.map { Double($0.count) })
    let scales = blocks.map { prior?.givenScale(of: $0.part) ?? (isPoint ? .infinity : nil) }
    givenScales = scales.allSatisfy { $0 == nil } ? nil : try ofBlocks(scales.map { $0 ?? 1 })
    isGiven = try ofBlocks(scales.map { $0 == nil ? 0 : 1 }).to(dtype: .bool)
    givenSigma =
      posterior.isLearned ? nil : try Tensor([posterior.sigmas()[0]], shape: []).to(device: device)
    unknown = try Tensor([Double.nan], shape: [1]).to(device: device)
    rho = try Tensor.zeros([], dtype: .float64, device: device)
    rhoVelocity = try Tensor.zeros([], dtype: .float64, device: device)
    isSound = try Tensor.ones([], dtype: .bool, device: device)
    row = try Tensor.zeros([1], dtype: .int64, device: device)
    rowNumbers = try Tensor((0..<capacity).map(Int64.init), shape: [capacity, 1]).to(device: device)
    rates = try Tensor.zeros([capacity, 2], dtype: .float64, device: device)
    items = try Tensor.zeros([capacity, batchSize, itemWidth], dtype: .int64, device: device)
    records = try Tensor.zeros([capacity, Column.allCases.count], dtype: .float64, device: device)
  }

  /// What of a prior and a posterior, which may be a point, has no closed form here, in words.
  package static func obstacles(prior: Prior?, family: GaussianPosterior.Family, isPoint: Bool) -> [String] {
    [
      ("no prior", prior == nil && !isPoint),
      ("prior scales that are not global", prior.map { $0.scales != .global } ?? false),
      ("a prior with a covariance", prior?.covariance != nil),
      ("a posterior that is not isotropic", family != .isotropic),
    ].filter(\.1).map(\.0)
  }

  /// What the host decides of one step.
  package struct Plan {
    package var learningRate: Double
    package var rhoLearningRate: Double
    package var items: [Int64]

    /// Both learning rates, and `batchSize × itemWidth` numbers, which `input` understands.
    package init(learningRate: Double, rhoLearningRate: Double, items: [Int64]) {
      (self.learningRate, self.rhoLearningRate, self.items) = (learningRate, rhoLearningRate, items)
    }
  }

  /// Puts a block's plan and the posterior's ρ on the device; at most ``capacity`` steps.
  package func begin(_ plan: [Plan]) throws(TorchError) {
    let rest = capacity - plan.count
    let idle = [Double](repeating: 0, count: 2 * rest)
    try rates.copy_(Tensor(plan.flatMap { [$0.learningRate, $0.rhoLearningRate] } + idle, shape: rates.shape))
    let unused = [Int64](repeating: 0, count: rest * items.count / capacity)
    try items.copy_(Tensor(plan.flatMap(\.items) + unused, shape: items.shape))
    if posterior.isLearned {
      try rho.copy_(Tensor(posterior.rho, shape: []))
      try rhoVelocity.copy_(Tensor(optimizer.rhoVelocity, shape: []))
    }
    try isSound.copy_(Tensor.ones([]))
    try row.zero_()
  }

  /// Takes the block's next step.
  package func take() throws {
    let vector = model.vector
    let rates = try self.rates.indexSelect(row).select(0)
    let (inputs, targets) = try input(items.indexSelect(row).select(0))
    let center = objective.prior?.center
    let groups = posterior.blocks.map {
      VectorGroup(range: $0.range, isCentered: $0.part == .backbone && center != nil)
    }

    // (1), and the sample.
    let sigma = try givenSigma ?? rho.softplus(threshold: 30)
    if let epsilon { try draw(epsilon) }
    let distances = try vector.passes.sample(
      mean: posterior.mean, center: center, groups: groups, epsilon: epsilon,
      sigmas: Tensor.cat(groups.map { _ throws(TorchError) in try sigma.reshape([1]) }, dim: 0), into: vector.weights,
      reduced: vector.reducedWeights)
    let divergence = try divergence(distances, sigma)
    let klWeight = objective.klWeight

    let nll = try model(inputs, mode: .training()).crossEntropy(targets)
    try nll.backward()

    // The gradient: (7) in the pulls, (9) for ρ.
    let pulls = try divergence.scales.reciprocal() * klWeight
    let sums = try vector.passes.reduce(
      gradients: vector.gradients, reduced: vector.reducedGradients, mean: posterior.mean, center: center,
      groups: groups, epsilon: epsilon, pulls: pulls)
    let squaredNorm = try sums.squaredNorms.sum()
    var rhoGradient = try sigma.zerosLike()
    if posterior.isLearned, let slope = divergence.slope {
      rhoGradient = try (sums.dots.sum() + slope * klWeight) * ((sigma * -1).expm1() * -1)
    }
    let norm = try (squaredNorm + rhoGradient * rhoGradient).sqrt()

    // Clip and Nesterov, as NesterovSGD.
    let clipped = optimizer.sigmaUpdate == .own ? try squaredNorm.sqrt() : norm
    let weightScale = try ((clipped + 1e-6).reciprocal() * optimizer.maxNorm).clamp(max: 1)
    let loss = try nll.detach().to(dtype: .float64)
    try isSound.copy_(isSound.and((loss + divergence.kl + norm).isFinite()))
    try vector.passes.nesterov(
      mean: posterior.mean, center: center, gradients: vector.gradients, reduced: vector.reducedGradients,
      velocity: optimizer.velocity, groups: groups, pulls: pulls, scale: weightScale, momentum: optimizer.momentum,
      learningRate: rates.select(0), applied: isSound)
    if posterior.isLearned {
      let value = optimizer.sigmaUpdate == .own ? rhoGradient : try rhoGradient * weightScale
      let velocity = try optimizer.bounded(rhoVelocity * optimizer.momentum + value, by: optimizer.rhoMaxVelocity)
      let step = try optimizer.bounded(value + velocity * optimizer.momentum, by: optimizer.rhoMaxStep)
      try rho.copy_(Tensor.where(isSound, rho - rates.select(1) * step, rho))
      try rhoVelocity.copy_(Tensor.where(isSound, velocity, rhoVelocity))
    }

    func scale(of part: ParameterGroup) throws(TorchError) -> Tensor {
      try posterior.blocks.firstIndex { $0.part == part }.map { place throws(TorchError) in
        try divergence.scales.select(place)
      } ?? unknown
    }
    let record = try Tensor.cat(
      [loss, divergence.kl, scale(of: .backbone), scale(of: .head), sigma, norm].map { try $0.reshape([1, 1]) }, dim: 1)
    try records.copy_(Tensor.where(rowNumbers.eq(row), record, records))
    try row.copy_(row + 1)
  }

  /// KL(q ‖ p), the scale of each block, and ∂KL/∂σ (nil of a point), as `Divergence` has them.
  private func divergence(
    _ distances: Tensor, _ sigma: Tensor
  ) throws(TorchError) -> (kl: Tensor, scales: Tensor, slope: Tensor?) {
    // (4a)
    if posterior.isPoint, let scales = givenScales {
      return (try (distances / scales).sum() * 0.5, scales, nil)
    }
    // (5), (6) and (8)
    let variance = try sigma * sigma
    var scales = try distances / counts + variance
    var kl = try (distances / (counts * variance)).log1p() * counts
    var excesses = try distances / (counts * scales) * -1
    if let givenScales {
      // (4) and (8)
      scales = try Tensor.where(isGiven, givenScales, scales)
      let ratio = try variance / scales
      excesses = try Tensor.where(isGiven, ratio + -1, excesses)
      kl = try Tensor.where(isGiven, distances / scales + (excesses - ratio.log()) * counts, kl)
    }
    return (try kl.sum() * 0.5, scales, try (excesses * counts).sum() / sigma)
  }

  /// Waits for the block's steps, brings ρ home and tells what they found, in order.
  ///
  /// After an outcome that is not applied none is.
  package func finish(_ count: Int) throws(TorchError) -> [VariationalStep.Outcome] {
    let values = try records.doubles()
    if posterior.isLearned {
      posterior.rho = [try rho.item()]
      optimizer.rhoVelocity = [try rhoVelocity.item()]
    }
    let klWeight = objective.prior == nil ? 0 : objective.klWeight
    return (0..<count).map { step in
      func value(_ column: Column) -> Double { values[step * Column.allCases.count + column.rawValue] }
      func scale(_ column: Column) -> Double? { value(column).isFinite ? value(column) : nil }
      return VariationalStep.Outcome(
        terms: ObjectiveTerms(
          nll: value(.nll), kl: value(.kl), klWeight: klWeight, lambda: scale(.lambda), tau: scale(.tau),
          sigma: value(.sigma)),
        gradientNorm: value(.norm))
    }
  }
}

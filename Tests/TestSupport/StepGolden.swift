/// One training step's golden values, Tests/golden/step/<model>_<case>.json, and the tensors it starts from.
///
/// make.py beside those files defines the step. Tensors are in logical order, in float64.
package struct StepGolden: Decodable, Sendable {
  package let model: String
  package let classes: Int
  /// N, the number of training examples.
  package let n: Int
  package let batch: Int
  package let side: Int
  /// In a smooth case, endings of the names of BatchNorms whose weights are halved and whose biases are raised by 3, so
  /// that no activation is near a kink and float32 can be compared; empty otherwise.
  package let activated: [String]
  /// The backbone's mean is the prior's mean plus uniform ± this.
  package let perturbation: Double
  package let sigma: Double
  package let kappa: Double
  package let targets: [Int64]
  /// nll + kl / (κN).
  package let loss: Double
  package let nll: Double
  package let kl: Double
  /// λ*, a variance.
  package let lambda: Double
  /// τ*, a variance.
  package let tau: Double
  /// ∂loss/∂σ.
  package let gradSigma: Double
  /// ∂loss/∂ρ.
  package let gradRho: Double
  /// ∂loss/∂mean per parameter, by name.
  package let gradMean: [String: TensorDigest]

  /// Every model and case that has a file.
  package static let names = ["resnet20", "mobilenet_v2"].flatMap { model in
    ["at_prior", "perturbed", "smooth_at_prior", "smooth_perturbed"].map { "\(model)_\($0)" }
  }

  /// Reads Tests/golden/step/<name>.json.
  package static func load(_ name: String) throws -> StepGolden { try Golden.load("step/\(name).json") }

  /// The batch `[batch, 3, side, side]`.
  package var input: [Double] { Formula.uniform("input", count: batch * 3 * side * side, -1, 1) }

  /// The shape of `input`.
  package var inputShape: [Int] { [batch, 3, side, side] }

  /// The prior's mean of a backbone parameter; for the head it is zero.
  package func priorMean(_ name: String, shape: [Int], isHead: Bool) -> [Double] {
    isHead ? [Double](repeating: 0, count: shape.reduce(1, *)) : start(name, shape: shape, isHead: false)
  }

  private func start(_ name: String, shape: [Int], isHead: Bool) -> [Double] {
    let values = Formula.state(name, shape: shape)
    let layer = name.prefix(upTo: name.lastIndex(of: ".") ?? name.startIndex)
    guard !isHead, activated.contains(where: layer.hasSuffix) else { return values }
    return name.hasSuffix("weight") ? values.map { $0 * 0.5 } : values.map { $0 + 3 }
  }

  /// The posterior's mean of a parameter.
  package func mean(_ name: String, shape: [Int], isHead: Bool) -> [Double] {
    let start = start(name, shape: shape, isHead: isHead)
    guard !isHead, perturbation > 0 else { return start }
    let shift = Formula.uniform("perturbation:" + name, count: start.count, -perturbation, perturbation)
    return zip(start, shift).map { $0 + $1 }
  }

  /// ε of a parameter: uniform with variance 1.
  package func epsilon(_ name: String, shape: [Int]) -> [Double] {
    let bound = 3.0.squareRoot()
    return Formula.uniform("epsilon:" + name, count: shape.reduce(1, *), -bound, bound)
  }
}

import Backbones
import Evidence
import Torch

extension FineTuneOptions {
  /// What a prior file says of a network's backbone, with as many columns as were asked for.
  ///
  /// Throws ``PriorError/notAPrior(path:found:)`` for one of fewer than two columns, and ``PriorFile``'s errors.
  func pretraining(_ file: PriorFile, of network: Network) throws -> PretrainedPrior {
    let prior = try file.prior(for: network, columns: priorColumns)
    let count = prior.deviations.count
    guard count >= 2 else {
      throw PriorError.notAPrior(
        path: file.path,
        found: "it has \(count) column\(count == 1 ? "" : "s"), expected at least 2, as Σ has QQᵀ/(2K − 2)")
    }
    return prior
  }

  /// The prior that was asked for: around the mean that training starts from, or around pretraining's.
  func makePrior(
    around initialMean: Tensor, _ pretraining: PretrainedPrior?, _ layout: ParameterLayout, examples: Int
  ) throws -> Prior? {
    let given = givenScales(examples: examples)
    var result = Prior(scales: priorScales, lambda: given.lambda, tau: given.tau)
    switch prior {
    case .none: return nil
    case .l2Zero: return result
    case .l2SP:
      result.center = weights == nil ? nil : initialMean
      return result
    case .ptyl:
      guard let pretraining else { return nil }
      func vector(_ backbone: [Float]) throws(TorchError) -> Tensor {
        let head = [Float](repeating: 0, count: layout.paddedCount - backbone.count)
        return try Tensor(backbone + head, shape: [layout.paddedCount]).to(device: initialMean.device)
      }
      result.center = try vector(pretraining.mean)
      result.covariance = try LowRankCovariance(
        variance: vector(pretraining.variance), deviations: pretraining.deviations.map(vector),
        support: vector(
          layout.backboneVector(
            layout.backboneSlices.map { [Float](repeating: $0.group == .backbone ? 1 : 0, count: $0.count) })))
      return result
    }
  }
}

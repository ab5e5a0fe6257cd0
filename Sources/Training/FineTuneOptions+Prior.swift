import Backbones
import Evidence
import Torch

extension FineTuneOptions {
  /// The prior that was asked for: around the mean that training starts from, or around pretraining's.
  func makePrior(
    around initialMean: Tensor, _ pretraining: PretrainedPrior?, _ layout: ParameterLayout
  ) throws -> Prior? {
    var result = Prior(scales: priorScales, lambda: lambda, tau: tau)
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

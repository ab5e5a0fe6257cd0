import Backbones
import Baselines
import Evidence
import Torch

extension CandidateRun {
  /// Whether an epoch ended with the step before this one, counted from 0.
  static func beginsEpoch(_ step: Int, batchSize: Int, examples: Int) -> Bool {
    step > 0 && step * batchSize / examples > (step - 1) * batchSize / examples
  }

  /// Learns the precisions of LA-LML from the Laplace evidence at the weights as they are.
  ///
  /// It is done before an epoch's first step, so that where it is interrupted the run is as its last step left it.
  func tunePrecisions() throws -> LaplaceEvidence? {
    guard var search = precisions else { return nil }
    let evidence = try trainer.model.laplaceEvidence(
      at: posterior.mean, center: takeStep.objective.prior?.center, on: trainer.data)
    try search.ascend(evidence)
    precisions = search
    return evidence
  }

  /// Makes λ and τ of the objective the precisions' inverses.
  func applyPrecisions() {
    guard let precisions else { return }
    for (block, precision) in zip(posterior.blocks, precisions.precisions) {
      if block.part == .head {
        takeStep.objective.prior?.tau = 1 / precision
      } else {
        takeStep.objective.prior?.lambda = 1 / precision
      }
    }
  }
}

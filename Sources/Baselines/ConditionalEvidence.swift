import Foundation

/// log p(D≥ | D<), the conditional log marginal likelihood of the examples D≥ given the others, by draws from the
/// posterior of those.
///
/// log (1/S) Σₛ Πₙ p(yₙ | xₙ, θₛ), over the examples of D≥. (B5) Source: Lotfi et al., *Bayesian Model Selection, the
/// Marginal Likelihood, and Generalization*, ICML 2022.
public struct ConditionalEvidence: Sendable, Equatable {
  /// (B5), in nats.
  public let logLikelihood: Double
  /// The fraction of the examples whose most probable class, on average over the draws, is the label.
  public let accuracy: Double

  /// The evidence by log probabilities `[N × classes]`, row-major, of each draw.
  ///
  /// A draw whose numbers are not finite has probability 0: at its weights the network overflows.
  public init(draws: [[Double]], labels: [Int], classes: Int) {
    var joint: [Double] = []
    var average = [Double](repeating: 0, count: labels.count * classes)
    for rows in draws {
      let isSound = !rows.contains { $0.isNaN || $0 == .infinity }
      joint.append(isSound ? labels.enumerated().reduce(0) { $0 + rows[$1.offset * classes + $1.element] } : -.infinity)
      if isSound { for index in average.indices { average[index] += exp(rows[index]) } }
    }
    let highest = joint.max() ?? -.infinity
    logLikelihood =
      highest == -.infinity
      ? highest : highest + log(joint.reduce(0) { $0 + exp($1 - highest) } / Double(joint.count))
    let correct = labels.enumerated().count { index, label in
      let row = average[index * classes..<(index + 1) * classes]
      return (row.max() ?? 0) > 0 && row.firstIndex(of: row.max() ?? 0) == index * classes + label
    }
    accuracy = Double(correct) / Double(labels.count)
  }
}

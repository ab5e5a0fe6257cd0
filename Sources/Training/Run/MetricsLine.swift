import Foundation

/// A line of a run's `metrics.jsonl`: a step, a judgement of the race, or a learning rate's outcome.
///
/// Which numbers there are depends on ``event``, and on the version that wrote the file.
public struct MetricsLine: Codable, Sendable, Equatable {
  /// `step`, `rung` or `candidate`.
  public var event: String
  /// A step's learning rate; of a rung or a candidate the one it began with.
  public var lr: Double?
  /// The learning rate that a step's candidate began with.
  public var candidateLr: Double?
  /// Steps so far.
  public var step: Int?
  /// The rung of the race, counted from 1.
  public var rung: Int?
  /// The objective's loss: ``nll``, and behind it the term that regularises.
  public var loss: Double?
  /// The mean negative log likelihood, in nats.
  public var nll: Double?
  /// KL(q ‖ p), in nats, or the penalty in its place.
  public var kl: Double?
  /// λ, τ and σ, where there are such.
  public var lambda, tau, sigma: Double?
  /// The joint norm of the gradient before clipping.
  public var gradientNorm: Double?
  /// The standard deviation of a Gaussian likelihood's noise.
  public var noise: Double?
  /// Of a candidate: the mean NLL of what was held out, or log p(D), where learning rates are chosen by it.
  public var validationLoss, logMarginalLikelihood: Double?
  /// Why there is no loss.
  public var failure: String?

  /// The learning rate that its candidate began with.
  public var candidate: Double? { event == "step" ? candidateLr : lr }

  /// What regularises: the loss less the NLL, which is KL/(κN), or a penalty on the weights.
  public var regularizer: Double? { loss.flatMap { loss in nll.map { loss - $0 } } }

  /// A step's line.
  init(_ report: StepReport) {
    (event, lr, candidateLr, step) = ("step", report.learningRate, report.peakLearningRate, report.step)
    (loss, nll, kl) = (report.terms.loss, report.terms.nll, report.terms.kl)
    (lambda, tau, sigma) = (report.terms.lambda, report.terms.tau, report.terms.sigma)
    (gradientNorm, noise) = (report.gradientNorm, report.noise)
  }

  /// The line of a judgement of the race.
  init(_ report: RungReport) {
    (event, lr, step, rung) = ("rung", report.lr, report.step, report.rung)
    (loss, nll, sigma, failure) = (report.loss, report.nll, report.sigma, report.failure)
  }

  /// The line of a learning rate's outcome.
  init(_ candidate: LearningRateCandidate) {
    (event, lr, loss, failure) = ("candidate", candidate.lr, candidate.loss, candidate.failure)
    (validationLoss, logMarginalLikelihood) = (candidate.validationLoss, candidate.logMarginalLikelihood)
  }

  /// Writes what a judgement and an outcome are about even where it is nil, and all else only where it is there.
  ///
  /// There are no times, so that equal runs write equal lines.
  public func encode(to encoder: any Encoder) throws {
    let always: Set<CodingKeys> =
      switch event {
      case "rung": [.loss, .nll, .sigma]
      case "candidate": [.loss]
      default: []
      }
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(event, forKey: .event)
    try container.encodeIfPresent(step, forKey: .step)
    try container.encodeIfPresent(rung, forKey: .rung)
    try container.encodeIfPresent(failure, forKey: .failure)
    let numbers: [(CodingKeys, Double?)] = [
      (.lr, lr), (.candidateLr, candidateLr), (.loss, loss), (.nll, nll), (.kl, kl), (.lambda, lambda), (.tau, tau),
      (.sigma, sigma), (.gradientNorm, gradientNorm), (.noise, noise), (.validationLoss, validationLoss),
      (.logMarginalLikelihood, logMarginalLikelihood),
    ]
    for (key, number) in numbers where number != nil || always.contains(key) {
      try container.encode(number, forKey: key)
    }
  }
}

extension RunFolder {
  /// The lines of `metrics.jsonl`, in order; a line that is not whole, as a stopped process leaves one, is left out.
  ///
  /// Empty where there is no such file.
  public func readMetrics() -> [MetricsLine] {
    let content = FileManager.default.contents(atPath: metrics) ?? Data()
    return content.split(separator: UInt8(ascii: "\n")).compactMap { try? JSON.decode(MetricsLine.self, from: $0) }
  }
}

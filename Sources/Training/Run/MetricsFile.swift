import Foundation

/// Appends one JSON object per line to a run's `metrics.jsonl`: no times, so that equal runs write equal files.
final class MetricsFile {
  private let file: AppendedFile

  /// Opens the file and cuts it to its first `bytes`, which it has.
  ///
  /// Throws `AtomicFileError`, as the other methods do.
  init(path: String, keeping bytes: Int = 0) throws { file = try AppendedFile(path: path, keeping: bytes) }

  /// The file's length.
  var bytes: Int { file.bytes }

  /// Appends a line; a line that does not fit the disk is cut off when the run goes on.
  func append(_ record: some Encodable) throws { try file.append(Data((try JSON.line(record) + "\n").utf8)) }

  /// Forces the file to disk, as a checkpoint refers to its length.
  func sync() throws { try file.sync() }
}

/// One optimisation step.
struct StepRecord: Encodable {
  var event = "step"
  var candidateLr, lr: Double
  var step: Int
  var loss, nll, kl, sigma, gradientNorm: Double
  var lambda, tau: Double?
  /// Left out for classes.
  var noise: Double?

  init(_ report: StepReport) {
    candidateLr = report.peakLearningRate
    lr = report.learningRate
    step = report.step
    loss = report.terms.loss
    nll = report.terms.nll
    kl = report.terms.kl
    lambda = report.terms.lambda
    tau = report.terms.tau
    sigma = report.terms.sigma
    gradientNorm = report.gradientNorm
    noise = report.noise
  }
}

/// How a candidate of the race was judged; without times.
struct RungRecord: Encodable {
  private let report: RungReport

  init(_ report: RungReport) { self.report = report }

  private enum CodingKeys: CodingKey { case event, rung, step, lr, loss, nll, sigma, failure }

  /// Writes what is nil, too, so that every line has the same keys; `failure` only where there is one.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode("rung", forKey: .event)
    try container.encode(report.rung, forKey: .rung)
    try container.encode(report.step, forKey: .step)
    try container.encode(report.lr, forKey: .lr)
    try container.encode(report.loss, forKey: .loss)
    try container.encode(report.nll, forKey: .nll)
    try container.encode(report.sigma, forKey: .sigma)
    try container.encodeIfPresent(report.failure, forKey: .failure)
  }
}

/// A learning rate's outcome.
struct CandidateRecord: Encodable {
  var event = "candidate"
  var lr: Double
  var loss: Double?
  var failure: String?
  var validationLoss, logMarginalLikelihood: Double?

  init(_ candidate: LearningRateCandidate) {
    lr = candidate.lr
    loss = candidate.loss
    failure = candidate.failure
    validationLoss = candidate.validationLoss
    logMarginalLikelihood = candidate.logMarginalLikelihood
  }

  private enum CodingKeys: CodingKey { case event, lr, loss, failure, validationLoss, logMarginalLikelihood }

  /// Writes `loss` even where it is nil, so that every line has the same keys; the others only where there is one.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(event, forKey: .event)
    try container.encode(lr, forKey: .lr)
    try container.encode(loss, forKey: .loss)
    try container.encodeIfPresent(failure, forKey: .failure)
    try container.encodeIfPresent(validationLoss, forKey: .validationLoss)
    try container.encodeIfPresent(logMarginalLikelihood, forKey: .logMarginalLikelihood)
  }
}

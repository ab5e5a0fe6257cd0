import Foundation
import Weights

/// Appends one JSON object per line to a run's `metrics.jsonl`: no times, so that equal runs write equal files.
final class MetricsFile {
  /// The file's length.
  private(set) var bytes: Int

  private let path: String
  private let descriptor: Int32

  /// Opens the file and cuts it to its first `bytes`, which it has.
  ///
  /// Throws `AtomicFileError`, as the other methods do.
  init(path: String, keeping bytes: Int = 0) throws {
    (self.path, self.bytes) = (path, bytes)
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
    try check(descriptor, "open")
    try check(ftruncate(descriptor, off_t(bytes)), "truncate")
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Appends a line; a line that does not fit the disk is cut off when the run goes on.
  func append(_ record: some Encodable) throws {
    let line = Data((try JSON.line(record) + "\n").utf8)
    try check(AtomicFile.writeAll(line, to: descriptor), "write", bytes: line.count)
    bytes += line.count
  }

  /// Forces the file to disk, as a checkpoint refers to its length.
  func sync() throws { try check(fsync(descriptor), "sync") }

  private func check(_ result: Int32, _ operation: String, bytes: Int = 0) throws {
    if result < 0 { throw AtomicFileError(path: path, operation: operation, code: errno, bytes: bytes) }
  }
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

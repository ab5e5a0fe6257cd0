import Foundation

/// Appends one JSON object per line to a run's `metrics.jsonl`: no times, so that equal runs write equal files.
final class MetricsFile {
  private let handle: FileHandle

  /// Starts the file anew.
  init(path: String) throws {
    guard FileManager.default.createFile(atPath: path, contents: nil), let handle = FileHandle(forWritingAtPath: path)
    else { throw TrainingError.notWritable(path: path, reason: String(cString: strerror(errno))) }
    self.handle = handle
  }

  deinit { try? handle.close() }

  func append(_ record: some Encodable) throws {
    try handle.write(contentsOf: Data((try JSON.line(record) + "\n").utf8))
  }
}

/// One optimisation step.
struct StepRecord: Encodable {
  var event = "step"
  var candidateLr, lr: Double
  var step: Int
  var loss, nll, kl, lambda, tau, sigma, gradientNorm: Double

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
  }
}

/// A learning rate's outcome.
struct CandidateRecord: Encodable {
  var event = "candidate"
  var lr: Double
  var loss: Double?
  var failure: String?

  init(_ candidate: LearningRateCandidate) {
    lr = candidate.lr
    loss = candidate.loss
    failure = candidate.failure
  }

  private enum CodingKeys: CodingKey { case event, lr, loss, failure }

  /// Writes `loss` even where it is nil, so that every line has the same keys; `failure` only where there is one.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(event, forKey: .event)
    try container.encode(lr, forKey: .lr)
    try container.encode(loss, forKey: .loss)
    try container.encodeIfPresent(failure, forKey: .failure)
  }
}

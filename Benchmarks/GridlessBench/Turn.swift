/// A request to a worker or to the peer: one line of JSON.
struct TurnRequest: Codable {
  var model: String
  var size: Int
  var batch: Int
  var mode: Mode
  var precision: String
  var warmup: Int
  var steps: Int
  var threads: Int

  init(_ benchCase: Case, _ contender: Contender, warmup: Int, steps: Int, threads: Int) {
    (model, size, batch) = (benchCase.model, benchCase.size, benchCase.batch)
    (mode, precision) = (contender.mode, contender.precision)
    (self.warmup, self.steps, self.threads) = (warmup, steps, threads)
  }

  var benchCase: Case { Case(model: model, size: size, batch: batch) }
}

/// The answer: one line of JSON.
struct TurnResult: Codable {
  /// Wall time of each measured step.
  var seconds: [Double]
  /// The most memory that the process has had resident so far (VmHWM).
  var peakBytes: Int
  /// What the network computed in: `fp32` or `bf16`.
  var precision: String
  /// Of the last step.
  var loss: Double
  /// Seconds of each part of a step, in `profile` only.
  var parts: [String: [Double]]?
}

/// What kind of step is taken.
enum Mode: String, Codable {
  /// Data-emphasized variational training.
  case elbo
  /// Weight decay.
  case map
  /// Weight decay, by somebody who knows PyTorch; the peer only.
  case careful
  /// As `elbo`, each part timed; Gridless only.
  case profile
}

/// Who takes steps of which kind.
struct Contender: Hashable {
  enum Side: String { case gridless, peer }

  var side: Side
  var mode: Mode
  var precision = "fp32"

  var name: String {
    switch (side, mode) {
    case (.gridless, .map): "Gridless MAP"
    case (.gridless, _): "Gridless DE-ELBO"
    case (.peer, .map): "peer MAP"
    case (.peer, .careful): "careful PyTorch MAP"
    case (.peer, _): "peer ELBO"
    }
  }
}

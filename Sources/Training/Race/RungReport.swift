/// How a candidate of the race was judged at a rung.
public struct RungReport: Codable, Sendable, Equatable {
  /// The rung, counted from 1.
  public var rung: Int
  /// The steps up to which the candidate was trained before its branch was cooled down.
  public var step: Int
  /// Its learning rate at the start.
  public var lr: Double
  /// The objective's loss on the rung's examples at the best of a few σ; nil when training diverged.
  public var loss: Double?
  /// The mean negative log likelihood of these examples, in nats, and the σ at which loss and NLL are told.
  public var nll, sigma: Double?
  /// Wall time of the leg: training, cooling down, judging, in seconds.
  public var seconds: Double
  /// Why there is no loss; nil when there is one.
  public var failure: String?

  /// A candidate that is not judged yet.
  package init(rung: Int, step: Int, lr: Double) { (self.rung, self.step, self.lr, seconds) = (rung, step, lr, 0) }

  /// Writes `loss`, `nll` and `sigma` even where they are nil, so that every line has the same keys; `failure` only
  /// where there is one.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(rung, forKey: .rung)
    try container.encode(step, forKey: .step)
    try container.encode(lr, forKey: .lr)
    try container.encode(loss, forKey: .loss)
    try container.encode(nll, forKey: .nll)
    try container.encode(sigma, forKey: .sigma)
    try container.encode(seconds, forKey: .seconds)
    try container.encodeIfPresent(failure, forKey: .failure)
  }
}

import Backbones

/// What making a prior tells while it goes on.
public enum PriorEvent: Sendable {
  /// Something the user should know, in words.
  case note(String)
  /// Images decoded so far of a split.
  case decoding(split: String, done: Int, total: Int)
  /// One step of SGD.
  case step(PriorStep)
}

/// One step of SWAG's SGD.
public struct PriorStep: Sendable, Equatable {
  /// Counted from 1, those before the first collection included.
  public var step: Int
  /// Steps in all.
  public var steps: Int
  /// The mean negative log likelihood of the batch, in nats.
  public var nll: Double
  /// The weights collected so far.
  public var collected: Int
}

/// A prior that was made: the last line of `gridless prior --json`.
public struct PriorResult: Codable, Sendable, Equatable {
  /// Always `prior`.
  public var event = "prior"
  /// The prior's file.
  public var prior: String
  /// The backbone's name.
  public var model: String
  /// `swag` or `import`.
  public var method: String
  /// K.
  public var columns: Int
  /// D_w, the backbone's parameters.
  public var d: Int
  /// √(Σ S/D_w), the size of the iterates' deviations.
  public var rmsDeviation: Double
  /// Wall time in seconds.
  public var seconds: Double
  /// What was trained; nil for an import.
  public var training: Training?

  /// SWAG's training.
  public struct Training: Codable, Sendable, Equatable {
    /// N, the source's training examples.
    public var n: Int
    /// The source's classes.
    public var classes: Int
    /// Steps of SGD.
    public var steps: Int
    /// The weights that were collected, the start not counted.
    public var collected: Int
    /// The learning rate.
    public var lr: Double
    /// The training examples' mean negative log likelihood at the prior's mean, in nats.
    public var nll: Double
    /// Their accuracy there.
    public var accuracy: Double
  }

  init(
    _ prior: PretrainedPrior, of network: Network, method: String, path: String, seconds: Double,
    training: Training? = nil
  ) {
    (self.prior, model, self.method) = (path, network.backbone.name, method)
    (columns, d) = (prior.deviations.count, network.layout.backboneCount)
    rmsDeviation = (prior.variance.reduce(0.0) { $0 + Double($1) } / Double(d)).squareRoot()
    (self.seconds, self.training) = (seconds, training)
  }
}

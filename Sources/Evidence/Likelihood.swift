import Torch

/// p(y | f): how probable a target is, given the network's outputs.
public enum Likelihood: Sendable, Equatable {
  /// One of several classes: softmax(f)[y], for outputs `[N, classes]` and int64 targets `[N]`.
  case categorical
  /// A number with Gaussian noise, for outputs `[N, 1]` and float64 targets `[N]`.
  case gaussian(GaussianNoise)

  /// `categorical` or `gaussian`.
  public var name: String { if case .gaussian = self { "gaussian" } else { "categorical" } }

  /// The parameters of the Gaussian, nil for classes.
  public var gaussian: GaussianNoise? { if case .gaussian(let noise) = self { noise } else { nil } }

  /// The mean over the batch of −log p(y | f), in nats, to be differentiated.
  public func loss(_ outputs: Tensor, _ targets: Tensor) throws(TorchError) -> Tensor {
    switch self {
    case .categorical: try outputs.crossEntropy(targets)
    case .gaussian(let noise): try noise.logLikelihood(outputs, targets).mean(dims: [0]) * -1
    }
  }

  /// log p(y | f) of each example, `[N]`, in nats.
  public func logLikelihood(_ outputs: Tensor, _ targets: Tensor) throws(TorchError) -> Tensor {
    switch self {
    case .categorical: try outputs.logLikelihood(targets)
    case .gaussian(let noise): try noise.logLikelihood(outputs, targets)
    }
  }

  /// Learns from a training step whose mean negative log likelihood was `nll`.
  public mutating func learn(nll: Double) {
    guard case .gaussian(var noise) = self else { return }
    noise.learn(nll: nll)
    self = .gaussian(noise)
  }

  /// The likelihood whose learned noise maximises a sum of log likelihoods of so many examples, and that sum with it.
  ///
  /// The sum may be an expectation over a posterior: only then is the noise the best of the objective. Without learned
  /// noise nothing changes. Of a NaN both are NaN.
  public func fitted(logLikelihood: Double, examples: Int) -> (likelihood: Likelihood, logLikelihood: Double) {
    guard case .gaussian(var noise) = self, noise.isLearned else { return (self, logLikelihood) }
    let error = noise.squaredError(nll: -logLikelihood / Double(examples))
    noise.variance = error < GaussianNoise.smallestVariance ? GaussianNoise.smallestVariance : error
    return (.gaussian(noise), -noise.nll(squaredError: error) * Double(examples))
  }
}

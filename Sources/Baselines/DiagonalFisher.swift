import Backbones
import Torch

/// The diagonal of the empirical Fisher, Fᵢ = Σₙ (∂ log p(yₙ | xₙ)/∂θᵢ)². (B2)
///
/// It needs the gradient of each example alone: the square of a batch's is something else. So examples go through the
/// network one by one.
public final class DiagonalFisher {
  /// F, a float32 vector in the layout's order; 0 in padding and for frozen parameters.
  public let values: Tensor
  /// Σₙ log p(yₙ | xₙ), in nats.
  public private(set) var logLikelihood = 0.0
  /// The number of examples.
  public private(set) var examples = 0

  /// A sum of no examples yet, for vectors like those of `vector`.
  public init(like vector: ParameterVector) throws(TorchError) { values = try vector.weights.zerosLike() }

  /// Adds an example, whose gradient `backward` left in the vector's; that is zeroed.
  public func add(logLikelihood: Double, in vector: ParameterVector) throws(TorchError) {
    try values.addcmul_(vector.gradients, vector.gradients)
    try vector.gradients.zero_()
    self.logLikelihood += logLikelihood
    examples += 1
  }
}

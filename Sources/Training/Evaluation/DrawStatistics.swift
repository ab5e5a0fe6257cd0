import Datasets

/// By which running statistics BatchNorm normalises a draw of the posterior, where an expectation over it is estimated.
///
/// Noise on the weights moves and widens the activations. Normalised by the mean's statistics a draw is another network
/// than the one that training saw, and the larger σ, the worse it looks.
public enum DrawStatistics: String, Codable, Sendable, CaseIterable {
  /// By its own, re-estimated for each draw, as SWAG does (Maddox et al., NeurIPS 2019, section 3.2).
  case own
  /// By those of the posterior's mean.
  case mean

  /// The most training examples by which a draw's statistics are estimated.
  static let mostExamples = 1024
}

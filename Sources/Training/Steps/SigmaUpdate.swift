/// How ρ, from which σ comes, is learned.
public enum SigmaUpdate: String, Codable, Sendable, CaseIterable {
  /// At its own rate, whatever the weights', in steps of at most that rate.
  ///
  /// The weights' gradient norm is about 20 at the start of fine-tuning. In a shared clipping group it scales ρ's
  /// gradient down with it: σ stays near its start for a hundred steps, and for so long its pull towards the prior's
  /// mean is too strong. At the weights' rate σ runs ahead of the weights where that is large, and falls behind where
  /// it is small.
  ///
  /// It is the step that is clipped, after the momentum's average, not each gradient. A gradient of ρ from one sample
  /// is noisy and skewed to the right: rare large ones tell that σ is too large. Clipping each of them would leave σ
  /// where the mean of the clipped gradients is zero, and that is too large a σ.
  case own
  /// At the weights' rate and in one clipping group with them.
  case published

  /// ρ's learning rate at the first step.
  ///
  /// At 0.03 σ changes by up to 3 % per step. Runs of under 400 steps have a larger rate, for σ must be able to grow
  /// 400-fold in each.
  public func peakRate(learningRate: Double, steps: Int) -> Double {
    switch self {
    case .own: max(0.03, 12 / Double(steps))
    case .published: learningRate
    }
  }
}

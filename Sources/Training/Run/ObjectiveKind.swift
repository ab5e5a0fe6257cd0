/// What a run is trained by, and what chooses its hyperparameters.
public enum ObjectiveKind: String, Codable, Sendable, CaseIterable {
  /// The data-emphasized evidence lower bound, which learns λ, τ and σ: the method.
  case deELBO = "de-elbo"
  /// Maximum a posteriori, mean NLL + (α/2)(w − m)ᵀΣ⁻¹(w − m) + (β/2)‖V‖² with given α and β: what a grid search
  /// repeats.
  case map
  /// MAP whose two precisions are learned by the Laplace approximation of the marginal likelihood, epoch by epoch.
  case laplace = "la-lml"

  /// Whether it learns a posterior; otherwise its result is a point, trained without noise.
  public var hasPosterior: Bool { self == .deELBO }
}

/// What a study compares, by the names of the command line.
public enum StudyMethod: String, Codable, Sendable, CaseIterable {
  /// The data-emphasized ELBO, its learning rate by a race: Gridless's own way.
  case deELBO = "de-elbo"
  /// The same with κ = 1, the plain ELBO.
  case elbo
  /// Maximum a posteriori with a grid search.
  case mapGrid = "map-grid"
  /// Maximum a posteriori with Bayesian optimisation.
  case mapBO = "map-bo"
  /// Maximum a posteriori with asynchronous successive halving.
  case mapASHA = "map-asha"
  /// The Laplace approximation's marginal likelihood.
  case laLML = "la-lml"
  /// The Laplace approximation's conditional marginal likelihood, over the grid's runs.
  case laCLML = "la-clml"
  /// The data-emphasized ELBO of the head alone.
  case linearProbe = "linear-probe"
  /// A run at a κ of the sweep.
  case kappa
  /// A run of the figure that shows which run each objective prefers.
  case selection

  /// Those that a user asks for by name; the others belong to a figure.
  public static let named = allCases.filter { $0 != .kappa && $0 != .selection }

  /// Whether it chooses among MAP runs by examples that are held out.
  var isSearch: Bool { [.mapGrid, .mapBO, .mapASHA].contains(self) }

  /// Whether its runs are trained by an evidence lower bound, by which their learning rates race.
  var isVariational: Bool {
    switch self {
    case .deELBO, .elbo, .linearProbe, .kappa, .selection: true
    case .mapGrid, .mapBO, .mapASHA, .laLML, .laCLML: false
    }
  }
}

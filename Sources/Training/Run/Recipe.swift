import Evidence

/// A set of choices that belong together; each can still be made otherwise.
public enum Recipe: String, Codable, Sendable, CaseIterable {
  /// What works best here: the study is the article *Study*.
  case `default`
  /// As Harvey, Petrov and Hughes trained (arXiv 2410.19675, arXiv 2502.01861).
  case published

  /// How the learning rate is chosen.
  public var learningRate: LearningRateChoice { self == .published ? .grid : .race }
  /// The most that κ = D/N may be; nil for no limit.
  public var kappaLimit: Double? { self == .published ? nil : 5000 }
  /// Where a new head starts; nil is the objective's own.
  public var headInitialization: HeadInitialization? { self == .published ? .uniform : nil }
  /// How ρ is learned.
  public var sigmaUpdate: SigmaUpdate { self == .published ? .published : .own }
  /// By which running statistics draws of the posterior are normalised.
  public var drawStatistics: DrawStatistics { self == .published ? .mean : .own }
  /// Which parameters share a prior scale.
  public var priorScales: Prior.Scales { .global }

  /// Makes the options follow the recipe.
  public func apply(to options: inout FineTuneOptions) {
    options.learningRate = learningRate
    options.kappaLimit = kappaLimit
    options.headInitialization = headInitialization
    options.sigmaUpdate = sigmaUpdate
    options.drawStatistics = drawStatistics
    options.priorScales = priorScales
  }
}

/// How the learning rates race: which are trained how far before they are judged, and on how many examples.
///
/// All candidates are on the path that a run to the end takes, the half cosine over all steps. At a rung's step each is
/// kept as it is, and a branch of it is cooled down: both learning rates go linearly to 0. The branch is judged by the
/// objective on a part of the training set, at the best of a few σ, and thrown away. The better ones go on from where
/// they were kept, so that their steps are not lost, and the winner's run is that of its learning rate alone, bit for
/// bit.
///
/// The lengths follow from a budget. Costs are counted in forward passes of one example: a training step is three of
/// each of its examples, BatchNorm's statistics one, a sample of the posterior one. Where a step costs more than that,
/// the rest counts for less; so training steps are also counted alone, and both counts must keep the budget. The whole
/// race, with the winner's run, then costs at most ``budget`` runs at a single learning rate, if those have 65 steps or
/// more. In shorter ones each leg has the fewest steps that a leg can have, and ``cost`` says what that comes to.
public struct RacePlan: Sendable, Equatable {
  /// What a race may cost, in runs at a single learning rate.
  public static let budget = 1.5
  /// The factors by which a rung widens σ to find the best; each is one sample of the posterior.
  public static let sigmaFactors = [1.0, 3, 10, 30]
  /// The most examples that a rung judges by.
  static let mostExamples = 1024

  /// A place where candidates are judged.
  public struct Rung: Codable, Sendable, Equatable {
    /// The steps up to which each is trained before its branch leaves.
    public var step: Int
    /// The branch's steps.
    public var coolDown: Int
    /// How many candidates come here, and how many go on.
    public var candidates, survivors: Int
  }

  /// The rungs, in order.
  public let rungs: [Rung]
  /// The training examples by which a rung judges: whole batches.
  public let examples: Int
  /// The cost of the race and the winner's run, in runs at a single learning rate: the larger of the two counts.
  public let cost: Double

  /// The plan for runs of so many steps of `batchSize` examples on a training set of `trainingExamples`.
  public init(
    candidates: Int, steps: Int, batchSize: Int, trainingExamples: Int,
    evidenceSamples: Int = FineTuneConfiguration.publishedEvidenceSamples, statistics: DrawStatistics = .own
  ) {
    let perDraw = statistics == .own ? min(trainingExamples, DrawStatistics.mostExamples) : 0
    let single = Double(
      3 * steps * batchSize + trainingExamples + evidenceSamples * (trainingExamples + perDraw))
    let extra = (Self.budget - 1) * single
    let passes = statistics == .own ? 2 * Self.sigmaFactors.count : 1 + Self.sigmaFactors.count
    let judged = Self.rungs(1, candidates: candidates, steps: steps).map(\.candidates).reduce(0, +) * passes

    /// The examples that so many forward passes can judge by.
    func examples(for passes: Double) -> Int {
      let most = min(Int(max(0, passes)) / judged, Self.mostExamples, trainingExamples)
      return min(trainingExamples, batchSize * max(1, most / batchSize))
    }
    func cost(_ rungs: [Rung], examples: Int) -> Double {
      let trained = Self.lostSteps(rungs)
      let passes = Double(3 * batchSize * trained + judged * examples)
      return 1 + max(passes / single, Double(trained) / Double(steps))
    }
    // At least a third of what may be spent is for judging, and what training leaves of the rest.
    let few = examples(for: extra / 3)
    let lengths = (1...max(1, steps / 10)).reversed().filter { $0 < 100 || $0.isMultiple(of: DeviceBlocks.length) }
    let rungs = lengths.lazy.map { Self.rungs($0, candidates: candidates, steps: steps) }.first {
      cost($0, examples: few) <= Self.budget
    }
    self.rungs = rungs ?? Self.rungs(1, candidates: candidates, steps: steps)
    self.examples = max(few, examples(for: extra - Double(3 * batchSize * Self.lostSteps(self.rungs))))
    self.cost = cost(self.rungs, examples: self.examples)
  }

  /// The steps that are no part of the winner's run.
  private static func lostSteps(_ rungs: [Rung]) -> Int {
    var (lost, before) = (0, 0)
    for rung in rungs {
      lost += (rung.candidates - 1) * (rung.step - before) + rung.candidates * rung.coolDown
      before = rung.step
    }
    return lost
  }

  /// The first rung at `length` steps with a branch half as long, from which two go on to three times as many steps.
  ///
  /// Two candidates meet once only. A length of 100 or more is a multiple of a GPU's block, so that there, too, the
  /// winner's blocks are those of its run alone.
  private static func rungs(_ length: Int, candidates: Int, steps: Int) -> [Rung] {
    func rung(_ step: Int, coolDown: Int, _ candidates: Int, _ survivors: Int) -> Rung {
      let step = min(step, steps)
      return Rung(step: step, coolDown: min(coolDown, steps - step), candidates: candidates, survivors: survivors)
    }
    let last = rung(3 * length, coolDown: length, min(candidates, 2), 1)
    let first = rung(length, coolDown: (length + 1) / 2, candidates, 2)
    if candidates <= 2 { return [last] }
    return first.step < last.step ? [first, last] : [rung(length, coolDown: (length + 1) / 2, candidates, 1)]
  }
}

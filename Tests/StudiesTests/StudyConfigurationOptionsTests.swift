import Backbones
import Datasets
import Evidence
import Foundation
import Studies
import Testing
import Training

/// What a study's configuration and a trial's values make of a run's options, method by method.
@Suite struct StudyConfigurationOptionsTests {
  /// Every field with another value than it begins with, and N = 41, which `resolve` finds elsewhere.
  private func changed(_ recipe: Recipe = .default, prior: PriorKind = .l2Zero) throws -> StudyConfiguration {
    var all = StudyConfiguration(
      data: "pets.csv", model: "vit_ti_16", weights: "w.pth", methods: [.mapGrid, .laCLML], prior: prior)
    (all.vocabulary, all.maxTokens, all.size, all.resize) = ("v.txt", 77, 48, .shortest)
    (all.augmentation, all.steps, all.batchSize) = (.crop, 321, 9)
    (all.trainSplits, all.classes, all.n) = (["val", "train"], ["cat", "dog"], 30)
    (all.seeds, all.priorFile, all.recipe) = ([11, 12], "p.safetensors", recipe)
    // Not as the recipe has it.
    all.headInitialization = recipe == .published ? .zero : .uniform
    (all.finalists, all.initialSigma, all.grid, all.configs) = (3, 2e-3, .ptyl, 5)
    (all.budget, all.kappas, all.showsSelection, all.holdOut) = (.minutes(7), [1, 12], true, 0.3)
    (all.threads, all.device, all.precision) = (5, .cpu, .bfloat16)
    (all.skipUnreadable, all.checkpointEvery) = (true, "7m")
    let document = String(decoding: try JSON.document(all), as: UTF8.self)
      .replacing("\"examples\" : 0", with: "\"examples\" : 41")
    let resolved = try JSON.decode(StudyConfiguration.self, from: Data(document.utf8))
    try #require(resolved.examples == 41)
    return resolved
  }

  private func trial(
    _ method: StudyMethod, _ stage: TrialRecord.Stage, _ values: [String: Double]
  ) -> TrialRecord {
    TrialRecord(id: "a", method: method.rawValue, seed: 12, stage: stage, values: values, steps: 123)
  }

  private func expectCommon(_ options: FineTuneOptions, _ recipe: Recipe) {
    #expect(options.data == "pets.csv" && options.model == "vit_ti_16" && options.weights == "w.pth")
    #expect(options.out == "here" && !options.overwrite)
    #expect(options.vocabulary == "v.txt" && options.maxTokens == 77)
    #expect(options.size == 48 && options.resize == .shortest)
    #expect(options.augmentation == .crop)
    #expect(options.batchSize == 9)
    #expect(options.trainSplits == [.val, .train])
    #expect(options.classes == ["cat", "dog"])
    #expect(options.n == 30)
    #expect(options.prior == .l2Zero && options.priorFile == "p.safetensors")
    #expect(options.threads == 5 && options.device == .cpu && options.precision == .bfloat16)
    #expect(options.skipUnreadable)
    #expect(options.checkpointEvery == .seconds(420))
    // What is chosen for the study as a whole goes before the recipe.
    let head: HeadInitialization = recipe == .published ? .zero : .uniform
    #expect(options.headInitialization == head)
    // The rest of the recipe, as published and as here.
    let limit: Double? = recipe == .published ? nil : 5000
    #expect(options.kappaLimit == limit)
    #expect(options.sigmaUpdate == (recipe == .published ? .published : .own))
    #expect(options.drawStatistics == (recipe == .published ? .mean : .own))
    // Which seed and how many steps are the trial's.
    #expect(options.seed == 12 && options.steps == 123)
  }

  /// A run by the evidence lower bound.
  private func expectVariational(_ options: FineTuneOptions, _ recipe: Recipe, kappa: Double?, train: TrainedPart) {
    #expect(options.objective == .deELBO)
    #expect(options.learningRate == (recipe == .published ? .grid : .race))
    #expect(options.kappa == kappa && options.train == train)
    #expect(options.initialSigma == 2e-3 && options.finalists == 3)
    #expect(options.alpha == nil && options.beta == nil && options.holdOut == nil)
  }

  /// A run without a posterior, which has no use for its options.
  private func expectPoint(_ options: FineTuneOptions, _ objective: ObjectiveKind) {
    #expect(options.objective == objective)
    #expect(options.kappa == nil && options.train == .all)
    #expect(options.initialSigma == 1e-4 && options.finalists == 1)
  }

  @Test(arguments: StudyMethod.allCases, Recipe.allCases)
  func everyFieldReachesTheRun(method: StudyMethod, recipe: Recipe) throws {
    let configuration = try changed(recipe)
    for stage in TrialRecord.Stage.allCases {
      let values: [String: Double] =
        switch method {
        case .deELBO, .elbo, .linearProbe, .laLML: [:]
        case .kappa, .selection: ["kappa": 12]
        case .mapGrid, .mapBO, .mapASHA, .laCLML: ["lr": 0.04, "alpha": 0.5, "beta": 0.25]
        }
      let options = try configuration.options(of: trial(method, stage, values), out: "here")
      expectCommon(options, recipe)
      switch method {
      case .deELBO: expectVariational(options, recipe, kappa: nil, train: .all)
      case .elbo: expectVariational(options, recipe, kappa: 1, train: .all)
      case .linearProbe: expectVariational(options, recipe, kappa: nil, train: .head)
      case .kappa, .selection: expectVariational(options, recipe, kappa: 12, train: .all)
      case .mapGrid, .mapBO, .mapASHA, .laCLML:
        expectPoint(options, .map)
        #expect(options.learningRate == .fixed(0.04))
        #expect(options.alpha == 0.5 && options.beta == 0.25)
        // The result is trained on all.
        #expect(options.holdOut == (stage == .search ? 0.3 : nil))
      case .laLML:
        expectPoint(options, .laplace)
        #expect(options.learningRate == .grid)
        #expect(options.alpha == nil && options.beta == nil && options.holdOut == nil)
      }
    }
  }

  /// What is left out: one finalist, and a head whose β is the backbone's α.
  @Test func whatIsLeftOutHasItsDefault() throws {
    var configuration = try changed()
    configuration.finalists = nil
    #expect(try configuration.options(of: trial(.deELBO, .final, [:]), out: "").finalists == 1)
    let options = try configuration.options(of: trial(.mapBO, .search, ["lr": 0.04, "alpha": 0.5]), out: "")
    #expect(options.alpha == 0.5 && options.beta == 0.5)
    // An ELBO's κ is 1, whatever a trial says.
    #expect(try configuration.options(of: trial(.elbo, .final, ["kappa": 12]), out: "").kappa == 1)
  }

  /// α = 1/(λN) of a low-rank prior's λ, with the N that is trained on: of 41 a search holds 0.3 · 41 ≈ 12 out.
  @Test func aVarianceBecomesAPenalty() throws {
    let configuration = try changed(prior: .ptyl)
    for (stage, count) in [(TrialRecord.Stage.search, 29.0), (.final, 41)] {
      let values = ["lr": 0.04, "lambda": 8]
      let tied = try configuration.options(of: trial(.mapASHA, stage, values), out: "")
      #expect(tied.prior == .ptyl && tied.priorFile == "p.safetensors")
      #expect(tied.alpha == 1 / (8 * count) && tied.beta == tied.alpha)
      let apart = try configuration.options(of: trial(.mapASHA, stage, values.merging(["beta": 0]) { $1 }), out: "")
      #expect(apart.alpha == 1 / (8 * count) && apart.beta == 0)
    }
  }

  @Test func whatIsUnknownIsRefused() throws {
    var record = trial(.elbo, .final, [:])
    record.method = "magic"
    var configuration = try changed()
    #expect(throws: StudyError.invalidOption("no method magic")) {
      try configuration.options(of: record, out: "")
    }
    configuration.trainSplits = ["train", "tain"]
    #expect(throws: DatasetError.unknownSplit("tain")) {
      try configuration.options(of: trial(.elbo, .final, [:]), out: "")
    }
  }
}

import Backbones
import Datasets
import Evidence
import Training

extension StudyConfiguration {
  /// What every run has in common; it lies in `out`.
  func options(out: String) throws -> FineTuneOptions {
    var options = FineTuneOptions(data: data, model: model, weights: weights, out: out)
    recipe.apply(to: &options)
    options.headInitialization = headInitialization
    options.vocabulary = vocabulary
    options.maxTokens = maxTokens
    options.size = size
    options.resize = resize
    options.augmentation = augmentation
    options.steps = steps
    options.batchSize = batchSize
    options.trainSplits = try Split.list(trainSplits.joined(separator: ","))
    options.classes = classes
    options.n = n
    options.prior = prior
    options.priorFile = priorFile
    options.threads = threads
    options.skipUnreadable = skipUnreadable
    options.device = device
    options.precision = precision
    options.checkpointEvery = CheckpointInterval(checkpointEvery) ?? options.checkpointEvery
    return options
  }

  /// The run of a trial: what is common, and what its method and its values make of it.
  package func options(of trial: TrialRecord, out: String) throws -> FineTuneOptions {
    var options = try options(out: out)
    options.seed = trial.seed
    options.steps = trial.steps
    guard let method = trial.studyMethod else { throw StudyError.invalidOption("no method \(trial.method)") }
    switch method {
    case .deELBO, .elbo, .linearProbe, .kappa, .selection:
      options.initialSigma = initialSigma
      options.finalists = finalists ?? 1
      options.kappa = method == .elbo ? 1 : trial.values["kappa"]
      if method == .linearProbe { options.train = .head }
    case .mapGrid, .mapBO, .mapASHA, .laCLML:
      options.objective = .map
      options.learningRate = .fixed(trial.values["lr"] ?? 0)
      if trial.stage == .search { options.holdOut = holdOut }
      options.alpha = trial.values["alpha"]
      if let lambda = trial.values["lambda"] {
        options.alpha = 1 / (lambda * Double(trainedExamples(in: trial.stage)))
      }
      options.beta = trial.values["beta"] ?? options.alpha
    case .laLML:
      options.objective = .laplace
      options.learningRate = .grid
    }
    return options
  }

  /// N of a run: a search trains on what is not held out.
  func trainedExamples(in stage: TrialRecord.Stage) -> Int {
    stage == .final ? examples : examples - FineTuneOptions.heldOutCount(of: examples, fraction: holdOut)
  }

  /// What was asked for and changes nothing, in words.
  package var idleOptions: [String] {
    let standard = StudyConfiguration(data: data, model: model, weights: weights, methods: methods, prior: prior)
    let isIdle: [(String, Bool)] = [
      (
        "--configs draws points of the grid, but map-grid is not among --methods",
        configs != nil && !methods.contains(.mapGrid)
      ),
      (
        "--configs \(configs ?? 0): the grid has \(grid.count) points, all of which are tried",
        methods.contains(.mapGrid) && (configs ?? 0) > grid.count
      ),
      ("--grid is map-grid's, which is not among --methods", grid != standard.grid && !methods.contains(.mapGrid)),
      ("--budget is for searches, and none is among --methods", budget != nil && !methods.contains(where: \.isSearch)),
      (
        "--initial-sigma is for methods with a posterior, and none is among --methods",
        initialSigma != standard.initialSigma && !works.contains(where: \.isVariational)
      ),
    ]
    return isIdle.filter(\.1).map(\.0)
  }

  /// Refuses what has no meaning, before anything is written.
  ///
  /// Throws ``StudyError/invalidOption(_:)``, and the run options' `TrainingError.invalidOption`.
  package func validate() throws {
    func refuse(_ condition: Bool, _ message: String) throws {
      if condition { throw StudyError.invalidOption(message) }
    }
    try refuse(works.isEmpty, "--methods is empty: name at least one method, or pass --kappas or --figure selection.")
    try refuse(Set(methods).count < methods.count, "--methods names a method twice.")
    try refuse(seeds.isEmpty || Set(seeds).count < seeds.count, "--seeds: expected different numbers.")
    try refuse(
      prior == .none, "--prior none: what is compared are ways to choose a prior's strength. Pass another --prior.")
    try refuse(
      finalists != nil && recipe == .published,
      "--finalists with --recipe published: its learning rates do not race. Leave one of the two out.")
    try refuse(
      finalists != nil && !works.contains(where: \.isVariational),
      "--finalists with \(works.map(\.rawValue).joined(separator: ", ")): nothing races there. Leave it out, or add de-elbo "
        + "to --methods.")
    if let configs { try refuse(configs < 1, "--configs \(configs): expected at least 1.") }
    let isGridOfPTYL = grid.values["lambda"] != nil
    try refuse(
      isGridOfPTYL != (prior == .ptyl),
      "--prior \(prior.rawValue) with a grid of \(isGridOfPTYL ? "lambda" : "alpha"): a low-rank prior's grid has lambda, "
        + "every other one alpha. Pass another --grid, or --prior.")
    try refuse(
      methods.contains(.laCLML) && !methods.contains(.mapGrid),
      "--methods la-clml without map-grid: it chooses among the grid's runs. Add map-grid.")
    try refuse(
      prior == .ptyl && !Set(methods).isDisjoint(with: [.laLML, .laCLML, .linearProbe]),
      "--prior ptyl with la-lml, la-clml or linear-probe: the diagonal Laplace evidence is that of a prior with Σ = I, and "
        + "the head alone has no backbone. Leave them out.")
    try refuse(
      weights == nil && methods.contains(.linearProbe),
      "--methods linear-probe without pretrained weights: what is not trained would be random. Pass --weights with a "
        + "checkpoint, or leave it out.")
    let proper = grid.points.contains { ($0["alpha"] ?? 1) > 0 && ($0["beta"] ?? $0["alpha"] ?? 1) > 0 }
    try refuse(
      methods.contains(.laCLML) && !proper,
      "--methods la-clml with a grid whose alpha or beta is 0 everywhere: a flat prior has no evidence. Pass another --grid."
    )
    for method in works {
      let values = method == .kappa || method == .selection ? ["kappa": 1] : ["lr": 0.1, "alpha": 0.1, "beta": 0.1]
      for stage in TrialRecord.Stage.allCases {
        var trial = TrialRecord(id: "", method: method.rawValue, seed: 0, stage: stage, values: values, steps: steps)
        if prior == .ptyl { trial.values["alpha"] = nil }
        try options(of: trial, out: "").validate()
      }
    }
  }
}

import Foundation
import Studies
import Support
import TestSupport
import Training

/// A study's folder with records of plausible numbers, as a study of all methods, a sweep and the figure leaves them.
struct StudyFixture {
  /// The trials.
  var records: [TrialRecord] = []
  private var configuration = StudyConfiguration(
    data: "data/flowers89", model: "tf_mobilenet_v2", weights: "w.safetensors", methods: StudyMethod.named)
  private var random = SplitMix64(state: 3)
  private var clock = 0.0

  /// Two classes whose accuracy and NLL are about these.
  private mutating func metrics(accuracy: Double, nll: Double) -> ClassificationMetrics {
    let labels = (0..<200).map { $0 % 2 }
    let rows = labels.flatMap { label -> [Double] in
      let right = random.uniform() < accuracy
      let own = log(right ? max(0.55, exp(-0.3 * nll)) : 0.3)
      let other = log(1 - exp(own))
      return label == 0 ? [own, other] : [other, own]
    }
    return ClassificationMetrics(logProbabilities: rows, labels: labels, classes: 2, names: ["cat", "dog"])
  }

  private mutating func add(
    _ method: StudyMethod, _ seed: UInt64, _ name: String, _ values: [String: Double], seconds: Double,
    accuracy: Double?, kappa: Double? = nil
  ) {
    let id = "\(method.rawValue)-s\(seed)-\(name)"
    let stage = name == "final" ? TrialRecord.Stage.final : .search
    var record = TrialRecord(id: id, method: method.rawValue, seed: seed, stage: stage, values: values, steps: 400)
    clock += seconds
    (record.n, record.d, record.seconds, record.trainingSeconds) = (728, 2_340_000, seconds, seconds * 0.8)
    (record.finishedAfter, record.trainedSteps) = (clock, 400)
    if let accuracy {
      let nll = 1.9 * (1 - accuracy) + 0.25
      var test = metrics(accuracy: accuracy, nll: nll)
      if stage == .search {
        (test.reliability, test.classes, test.perClassAccuracy, test.confusion) = (nil, nil, nil, nil)
      }
      record.test = test
      record.score = nll + 0.02 * random.uniform()
      record.status = .done
      if let kappa { (record.kappa, record.lambda, record.tau, record.sigma) = (kappa, 4.1e-6, 5.2e-3, 2.2e-3) }
    } else {
      (record.status, record.failure) = (.failed, "the data term (mean NLL) is not finite at step 12 <b>")
    }
    records.append(record)
  }

  /// A study of all methods.
  init() {
    configuration.seeds = [1001, 2001, 3001]
    (configuration.configs, configuration.steps, configuration.showsSelection) = (24, 400, true)
    configuration.kappas = [1, 30, 300, 3000, 30_000, 300_000]
    for seed in configuration.seeds { addTrials(seed) }
  }

  private mutating func addTrials(_ seed: UInt64) {
    func number(_ letter: String, _ trial: Int) -> String { letter + String(format: "%02d", trial + 1) }
    let chosen = ["lr": 0.03, "alpha": 1e-4, "beta": 1e-3]
    add(
      .deELBO, seed, "final", [:], seconds: 190 + 10 * random.uniform(), accuracy: 0.84 + 0.01 * random.uniform(),
      kappa: 3214)
    add(.elbo, seed, "final", [:], seconds: 180, accuracy: 0.52 + 0.02 * random.uniform(), kappa: 1)
    for (method, letter, count) in [(StudyMethod.mapGrid, "g", 24), (.mapBO, "b", 12), (.mapASHA, "c", 16)] {
      for trial in 0..<count {
        let fails = trial == 5 && method == .mapGrid
        let luck = 0.55 + 0.27 * random.uniform() + (method == .mapBO ? 0.003 * Double(trial) : 0)
        add(
          method, seed, number(letter, trial) + (method == .mapASHA ? "-r3" : ""),
          ["lr": 0.01, "alpha": 1e-4, "beta": 1e-3],
          seconds: method == .mapASHA ? 60 : 140 + 10 * random.uniform(), accuracy: fails ? nil : luck)
      }
      add(method, seed, "final", chosen, seconds: 150, accuracy: 0.825 + 0.02 * random.uniform())
    }
    add(.laLML, seed, "final", ["lr": 0.01], seconds: 700, accuracy: 0.77, kappa: 1)
    for trial in 0..<24 where trial != 5 {
      add(.laCLML, seed, number("g", trial), ["lr": 0.01, "alpha": 1e-4, "beta": 1e-3], seconds: 150, accuracy: 0.7)
    }
    add(.laCLML, seed, "final", chosen, seconds: 150, accuracy: 0.82)
    add(.linearProbe, seed, "final", ["lr": 0.1], seconds: 25, accuracy: 0.71, kappa: 3214)
    for (index, kappa) in configuration.kappas.enumerated() {
      let distance = log10(kappa / 3000)
      add(
        .kappa, seed, "k\(index + 1)", ["kappa": kappa], seconds: 180,
        accuracy: 0.84 - 0.03 * distance * distance + 0.01 * random.uniform(), kappa: kappa)
    }
    add(.selection, seed, "elbo", ["kappa": 1], seconds: 180, accuracy: 0.5, kappa: 1)
    add(.selection, seed, "de-elbo", ["kappa": 3214], seconds: 180, accuracy: 0.84, kappa: 3214)
  }

  /// Writes the folder; the runs of the selection figure are copies of `run`.
  func write(to folder: String, run: String) throws {
    let files = FileManager.default
    let rate = try RunFolder(run).readSummary().lr
    for var record in records {
      // As a study notes it of a run that finds its own.
      if record.status == .done && record.values["lr"] == nil { record.lr = rate }
      let trial = "\(folder)/trials/\(record.id)"
      try files.createDirectory(atPath: trial, withIntermediateDirectories: true)
      try JSON.document(record).write(to: URL(fileURLWithPath: "\(trial)/trial.json"))
      guard record.studyMethod == .selection else { continue }
      for name in ["config.json", "metrics.jsonl", "summary.json"] {
        try files.copyItem(atPath: "\(run)/\(name)", toPath: "\(trial)/\(name)")
      }
    }
    try JSON.document(configuration).write(to: URL(fileURLWithPath: "\(folder)/study.json"))
  }

  /// Stops between two trials of Bayesian optimisation's search under the last seed.
  mutating func unfinish() {
    let missing = Set((8...12).map { "map-bo-s3001-b" + String(format: "%02d", $0) } + ["map-bo-s3001-final"])
    records.removeAll { missing.contains($0.id) }
  }
}

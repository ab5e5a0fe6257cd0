import Foundation
import Studies
import Training

/// A study's folder with records of plausible numbers.
struct StudyFixture {
  private var records: [TrialRecord] = []
  private var random = SplitMix(state: 3)
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
    _ method: String, _ seed: UInt64, _ stage: TrialRecord.Stage, _ values: [String: Double], seconds: Double,
    accuracy: Double?, learned: Bool = false
  ) {
    let id = "\(method)-\(seed)-\(String(format: "%03d", records.count))"
    var record = TrialRecord(id: id, method: method, seed: seed, stage: stage, values: values, steps: 400)
    clock += seconds
    (record.n, record.d, record.seconds, record.trainingSeconds) = (728, 2_340_000, seconds, seconds * 0.8)
    (record.finishedAfter, record.trainedSteps) = (clock, 400)
    if let accuracy {
      let nll = 1.9 * (1 - accuracy) + 0.25
      record.test = metrics(accuracy: accuracy, nll: nll)
      record.score = nll + 0.02 * random.uniform()
      record.status = .done
      if learned {
        (record.kappa, record.lambda, record.tau, record.sigma) = (3214, 4.1e-6, 5.2e-3, 2.2e-3)
      }
    } else {
      (record.status, record.failure) = (.failed, "the data term (mean NLL) is not finite at step 12 <b>")
    }
    records.append(record)
  }

  /// A study of all methods.
  init() {
    for seed: UInt64 in [1001, 2001, 3001] {
      add(
        "de-elbo", seed, .final, [:], seconds: 190 + 10 * random.uniform(),
        accuracy: 0.84 + 0.01 * random.uniform(), learned: true)
      add(
        "elbo", seed, .final, ["kappa": 1], seconds: 180, accuracy: 0.52 + 0.02 * random.uniform(),
        learned: true)
      for method in ["map-grid", "map-bo", "map-asha"] {
        let count = ["map-grid": 24, "map-bo": 12, "map-asha": 16][method] ?? 0
        for trial in 0..<count {
          let fails = trial == 5 && method == "map-grid"
          let luck = 0.55 + 0.27 * random.uniform() + (method == "map-bo" ? 0.003 * Double(trial) : 0)
          add(
            method, seed, .search, ["lr": 0.01, "alpha": 1e-4, "beta": 1e-3],
            seconds: method == "map-asha" ? 60 : 140 + 10 * random.uniform(), accuracy: fails ? nil : luck)
        }
        add(
          method, seed, .final, ["lr": 0.03, "alpha": 1e-4, "beta": 1e-3], seconds: 150,
          accuracy: 0.825 + 0.02 * random.uniform())
      }
      add("la-lml", seed, .final, ["lr": 0.01], seconds: 700, accuracy: 0.77, learned: true)
      add("linear-probe", seed, .final, ["lr": 0.1], seconds: 25, accuracy: 0.71, learned: true)
      for kappa in [1.0, 30, 300, 3000, 30_000, 300_000] {
        let distance = log10(kappa / 3000)
        add(
          "kappa", seed, .final, ["kappa": kappa, "lr": 0.03], seconds: 180,
          accuracy: 0.84 - 0.03 * distance * distance + 0.01 * random.uniform(), learned: true)
      }
    }
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
      guard record.method == "de-elbo" || record.method == "elbo" else { continue }
      for name in ["config.json", "metrics.jsonl", "summary.json"] {
        try files.copyItem(atPath: "\(run)/\(name)", toPath: "\(trial)/\(name)")
      }
    }
    try #"{"data": "data/flowers89", "model": "tf_mobilenet_v2", "weights": "w.safetensors", "steps": 400}"#
      .write(toFile: "\(folder)/study.json", atomically: true, encoding: .utf8)
  }

  /// Waits for its last trial.
  mutating func unfinish() { records[records.count - 1].status = .waiting }
}

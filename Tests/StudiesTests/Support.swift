import Foundation
import Studies
import Training

/// A folder that is removed when the test ends.
final class Scratch: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("studies-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A study of no data, for what needs none.
func configuration(
  _ methods: [StudyMethod], _ change: (inout StudyConfiguration) -> Void = { _ in }
) -> StudyConfiguration {
  var configuration = StudyConfiguration(data: "none", model: "resnet8", weights: "none.safetensors", methods: methods)
  configuration.steps = 90
  change(&configuration)
  return configuration
}

/// A run's outcome as a function of what it is, in place of training: best near α = 1e-4, β = 1e-3 and lr = 0.02.
func pretend(_ trial: TrialRecord) -> TrialRecord {
  var record = trial
  func distance(_ name: String, _ best: Double) -> Double {
    guard let value = trial.values[name] else { return 0 }
    return abs(log10(max(value, 1e-9)) - best)
  }
  let score = distance("lr", -1.7) + 0.1 * distance("alpha", -4) + 0.1 * distance("beta", -3)
  record.status = (trial.values["lr"] ?? 0) > 0.09 ? .failed : .done
  record.score = record.status == .done ? score + 10 / Double(trial.steps) : nil
  record.seconds = Double(trial.steps)
  return record
}

/// Does what a plan asks for, one trial after the other, until nothing is left; the trials in the order in which they
/// ended.
func carryOut(_ plan: StudyPlan, from start: [TrialRecord] = [], atMost limit: Int = 10_000) -> [TrialRecord] {
  var records = start
  while records.count < limit, let next = plan.next(after: records) {
    records.removeAll { $0.id == next.id }
    records.append(pretend(next))
  }
  return records
}

extension StudyPlan {
  /// What a lone process would do next.
  func next(after records: [TrialRecord]) -> TrialRecord? {
    for seed in configuration.seeds {
      for method in configuration.works {
        if case .open(let trials) = outlook(of: method, seed: seed, after: records) { return trials.first }
      }
    }
    return nil
  }
}

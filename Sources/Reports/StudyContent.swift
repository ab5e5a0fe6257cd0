import Foundation
import Studies
import Training

/// What a study's folder holds of what a report tells.
struct StudyContent {
  /// The folder.
  let folder: StudyFolder
  /// Its options.
  let configuration: StudyConfiguration
  /// The trials that have a record, by name.
  let records: [TrialRecord]

  /// Reads a study's folder; throws ``StudyError`` where its options or a trial's record cannot be read.
  init(_ folder: StudyFolder) throws {
    self.folder = folder
    configuration = try folder.configuration
    records = try folder.records()
  }

  /// The methods that are compared, ours first, then as they are known; without the sweep's and the figure's trials.
  var methods: [MethodOutcome] {
    let present = Set(records.map(\.method))
    let known = StudyMethod.named.map(\.rawValue).filter(present.contains)
    let others = present.subtracting(StudyMethod.allCases.map(\.rawValue)).sorted()
    return (known + others).map { name in MethodOutcome(name, records.filter { $0.method == name }) }
  }

  /// What is not finished under every seed.
  var unfinished: [StudyMethod] {
    let plan = StudyPlan(configuration: configuration)
    return configuration.works.filter { work in
      configuration.seeds.contains { plan.outlook(of: work, seed: $0, after: records) != .finished }
    }
  }
}

import Foundation
import Studies
import Training

/// What a study's folder holds of what a report tells.
struct StudyContent {
  /// The folder.
  let path: String
  /// `study.json` as it stands.
  let configuration: [String: Any]
  /// The trials that have a record, by name.
  let records: [TrialRecord]

  /// Reads a study's folder; records that cannot be read are left out.
  init(_ path: String) {
    self.path = path
    let files = FileManager.default
    func file(_ name: String) -> String { (path as NSString).appendingPathComponent(name) }
    let json = files.contents(atPath: file("study.json")) ?? Data()
    configuration = (try? JSONSerialization.jsonObject(with: json)) as? [String: Any] ?? [:]
    let names = (try? files.contentsOfDirectory(atPath: file("trials"))) ?? []
    records = names.sorted().compactMap { name in
      files.contents(atPath: file("trials/\(name)/trial.json")).flatMap {
        try? JSON.decode(TrialRecord.self, from: $0)
      }
    }
  }

  /// Records of a study that lies nowhere.
  init(path: String, configuration: [String: Any], records: [TrialRecord]) {
    (self.path, self.configuration, self.records) = (path, configuration, records)
  }

  /// Whether the folder is a study's.
  var isStudy: Bool { !configuration.isEmpty || !records.isEmpty }

  /// The run's folder of a trial.
  func run(of record: TrialRecord) -> RunFolder {
    RunFolder((path as NSString).appendingPathComponent("trials/\(record.id)"))
  }

  /// The methods that are compared, ours first, then as they are known; without the sweep's and the figure's trials.
  var methods: [MethodOutcome] {
    let present = Set(records.map(\.method)).subtracting(["kappa", "selection"])
    let known = MethodOutcome.labels.map(\.name).filter(present.contains)
    let others = present.subtracting(known).sorted()
    return (known + others).map { name in MethodOutcome(name, records.filter { $0.method == name }) }
  }

  /// A text of `study.json`.
  func text(_ key: String) -> String? { configuration[key] as? String }
}

/// What a layout's reader finds, before the user's options apply.
struct Listing {
  /// The examples of one split; labels index `classes`.
  struct Part {
    var classes: [String]
    var examples: [Example]

    /// The classes that have an example.
    var present: Set<String> { Set(Set(examples.map(\.label)).map { classes[$0] }) }

    /// The examples of `names` only, labels indexing `names`.
    func relabeled(_ names: [String]) -> [Example] {
      // Of equal names the first counts.
      let positions = Dictionary(zip(names, names.indices), uniquingKeysWith: { first, _ in first })
      let labels = classes.map { positions[$0] }
      return examples.compactMap { example in
        labels[example.label].map { Example(source: example.source, label: $0) }
      }
    }
  }

  var layout: Dataset.Layout
  /// Whether the examples have values in place of labels; the parts have no classes then.
  var hasValues = false
  var parts: [Split: Part] = [:]
  var notes: [String] = []

  /// Applies the options: merges the training splits, keeps the asked classes, checks, and draws the subset.
  func resolved(path: String, options: Dataset.Options) throws(DatasetError) -> Dataset {
    if hasValues { return try resolvedValues(path: path, options: options) }
    let found = Split.allCases.filter { parts[$0] != nil }
    guard !options.trainSplits.isEmpty else { return try forEvaluation(path: path, options: options, found: found) }

    var training: [Part] = []
    for split in options.trainSplits {
      guard let part = parts[split] else { throw .missingSplit(path: path, split: split, found: found) }
      training.append(part)
    }
    var classes = Self.union(training)
    if let wanted = options.classes {
      let unknown = wanted.filter { !classes.contains($0) }
      guard unknown.isEmpty else { throw .unknownClasses(unknown, known: classes) }
      classes.removeAll { !wanted.contains($0) }
    }
    guard classes.count >= 2 else { throw .tooFewClasses(path: path, classes: classes) }

    var splits: [Split: [Example]] = [.train: training.flatMap { $0.relabeled(classes) }]
    var notes = notes
    for split in found where !options.trainSplits.contains(split) {
      guard let part = parts[split] else { continue }
      let kept = options.classes.map { part.present.intersection($0) } ?? part.present
      if split == .test, kept != Set(classes) {
        throw .classMismatch(
          path: path, onlyInTraining: classes.filter { !kept.contains($0) },
          onlyInTest: kept.subtracting(classes).sorted { $0.precedesByBytes($1) })
      }
      let examples = part.relabeled(classes)
      if split != .train { splits[split] = examples }
      if let note = unusedNote(split, count: examples.count, options) { notes.append(note) }
    }
    if splits[.test] == nil { notes.append(Self.noTestNote) }
    if let n = options.n, let all = splits[.train] {
      splits[.train] = try stratifiedSubset(all, classes: classes.count, n: n, seed: options.seed)
    }
    return Dataset(path: path, layout: layout, targets: .classes(classes), splits: splits, notes: notes)
  }

  static let noTestNote = "no test split, so no test metrics will be reported"

  /// What is said of a split that is neither trained nor tested on.
  func unusedNote(_ split: Split, count: Int, _ options: Dataset.Options) -> String? {
    guard split != .test else { return nil }
    let all = (options.trainSplits + [split]).map(\.rawValue).joined(separator: ",")
    let kind = parts.values.contains { $0.examples.first?.source.text != nil } ? "texts" : "images"
    return "\(split.rawValue) (\(count) \(kind)) is unused; pass --train-splits \(all) to train on it too"
  }

  private func forEvaluation(
    path: String, options: Dataset.Options, found: [Split]
  ) throws(DatasetError) -> Dataset {
    let all = found.compactMap { parts[$0] }
    let known = Self.union(all)
    let classes = options.classes ?? known
    guard !Set(classes).isDisjoint(with: known) else {
      throw .otherClasses(path: path, found: known, expected: classes)
    }
    var notes = notes
    let absent = classes.filter { !known.contains($0) }
    if !absent.isEmpty { notes.append("without examples: \(absent.joined(separator: ", "))") }
    let other = known.filter { !classes.contains($0) }
    if !other.isEmpty { notes.append("classes that are left out: \(other.joined(separator: ", "))") }
    let splits = parts.mapValues { $0.relabeled(classes) }.filter { !$0.value.isEmpty }
    return Dataset(path: path, layout: layout, targets: .classes(classes), splits: splits, notes: notes)
  }

  /// The classes with examples: those of the first part in its order, if that has them all, else sorted.
  private static func union(_ parts: [Part]) -> [String] {
    let present = parts.reduce(into: Set<String>()) { $0.formUnion($1.present) }
    if let first = parts.first, present.isSubset(of: first.classes) {
      // Two folders' names may be equal: strings compare by canonical equivalence. They are one class.
      var seen: Set<String> = []
      return first.classes.filter { present.contains($0) && seen.insert($0).inserted }
    }
    return present.sorted { $0.precedesByBytes($1) }
  }
}

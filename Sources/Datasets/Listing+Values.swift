extension Listing {
  /// Applies the options to a regression data set: merges the training splits, checks, and draws the subset.
  ///
  /// Throws `DatasetError.valuesForClasses` where classes are asked for.
  func resolvedValues(path: String, options: Dataset.Options) throws(DatasetError) -> Dataset {
    guard options.classes == nil else { throw .valuesForClasses(path: path) }
    let found = Split.allCases.filter { parts[$0] != nil }
    guard !options.trainSplits.isEmpty else {
      return Dataset(
        path: path, layout: layout, targets: .values, splits: parts.mapValues(\.examples), notes: notes)
    }
    var training: [Example] = []
    for split in options.trainSplits {
      guard let part = parts[split] else { throw .missingSplit(path: path, split: split, found: found) }
      training += part.examples
    }
    if let n = options.n { training = try randomSubset(training, n: n, seed: options.seed, path: path) }
    _ = try ValueSpread(training.compactMap(\.value), path: path)
    var splits: [Split: [Example]] = [.train: training]
    var notes = notes
    for split in found where !options.trainSplits.contains(split) {
      guard let part = parts[split] else { continue }
      if split != .train { splits[split] = part.examples }
      if let note = unusedNote(split, count: part.examples.count, options) { notes.append(note) }
    }
    if splits[.test] == nil { notes.append(Self.noTestNote) }
    return Dataset(path: path, layout: layout, targets: .values, splits: splits, notes: notes)
  }
}

/// Draws n examples at random, in their original order; under one seed, smaller subsets lie in larger ones.
///
/// Throws `DatasetError.subsetTooLarge`, and `.unusableValues` for fewer than two.
private func randomSubset(
  _ examples: [Example], n: Int, seed: UInt64, path: String
) throws(DatasetError) -> [Example] {
  guard n <= examples.count else { throw .subsetTooLarge(n: n, available: examples.count) }
  guard n >= 2 else { throw .unusableValues(path: path, found: "--n \(n)") }
  return CounterHash(.subset, seed, 0).permutation(examples.count).prefix(n).sorted().map { examples[$0] }
}

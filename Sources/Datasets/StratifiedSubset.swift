/// Draws a stratified subset of n examples, in their original order; under one seed, smaller subsets lie in larger
/// ones.
///
/// Every class first gets one place; each further place goes to the class that is furthest below its
/// share (n + 1) · size / N. That is the method of largest remainder taken one place at a time: within one place of
/// proportional, but unlike rounding n shares at once it never takes a place away as n grows (the Alabama paradox).
/// Within a class a seeded shuffle decides who comes first.
///
/// Throws `DatasetError.subsetTooLarge` or `.subsetTooSmall`.
func stratifiedSubset(
  _ examples: [Example], classes: Int, n: Int, seed: UInt64
) throws(DatasetError) -> [Example] {
  try stratifiedIndices(examples, classes: classes, n: n, seed: seed, for: .subset).map { examples[$0] }
}

/// The indices of such a subset, in rising order; what it is for decides what the seed means.
func stratifiedIndices(
  _ examples: [Example], classes: Int, n: Int, seed: UInt64, for purpose: CounterHash.Purpose
) throws(DatasetError) -> [Int] {
  guard n <= examples.count else { throw .subsetTooLarge(n: n, available: examples.count) }
  guard n >= classes else { throw .subsetTooSmall(n: n, classes: classes) }
  var members = [[Int]](repeating: [], count: classes)
  for (index, example) in examples.enumerated() { members[example.label].append(index) }

  let share = members.map { Double($0.count) / Double(examples.count) }
  var places = [Int](repeating: 1, count: classes)
  for total in classes..<n {
    var best = 0
    var bestDeficit = -Double.infinity
    for label in 0..<classes where places[label] < members[label].count {
      let deficit = Double(total + 1) * share[label] - Double(places[label])
      if deficit > bestDeficit { (best, bestDeficit) = (label, deficit) }
    }
    places[best] += 1
  }

  let chosen = members.indices.flatMap { label in
    CounterHash(purpose, seed, UInt64(label)).permutation(members[label].count)
      .prefix(places[label]).map { members[label][$0] }
  }
  return chosen.sorted()
}

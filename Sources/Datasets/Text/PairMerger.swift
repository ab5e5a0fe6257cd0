/// Words as lists of pieces, with the counts of neighbouring pairs kept up to date while pairs are joined.
struct PairMerger {
  /// Two pieces side by side.
  struct Pair: Hashable {
    var left: Int32
    var right: Int32
  }

  private var words: [(pieces: [Int32], count: Int)]
  private var counts: [Pair: Int] = [:]
  /// The words that have, or once had, a pair.
  private var places: [Pair: Set<Int>] = [:]
  /// Pairs with counts that were right when they were put in: a binary heap, the greatest first.
  private var heap: [(count: Int, pair: Pair)] = []

  init(_ words: [(pieces: [Int32], count: Int)]) {
    self.words = words
    for index in words.indices { change(index, by: 1) }
    for (pair, count) in counts { push((count, pair)) }
  }

  /// The pair that occurs most often; of several the one of the smallest numbers.
  mutating func mostFrequent(atLeast least: Int) -> Pair? {
    while let top = heap.first {
      let count = counts[top.pair] ?? 0
      if count == top.count { return count >= least ? top.pair : nil }
      pop()
      if count > 0 { push((count, top.pair)) }
    }
    return nil
  }

  /// Puts a piece in the place of a pair, from left to right, in every word.
  mutating func join(_ pair: Pair, into piece: Int32) {
    var grown = Set<Pair>()
    for index in places.removeValue(forKey: pair) ?? [] {
      let old = words[index].pieces
      var new: [Int32] = []
      var position = 0
      while position < old.count {
        if position + 1 < old.count, old[position] == pair.left, old[position + 1] == pair.right {
          new.append(piece)
          position += 2
        } else {
          new.append(old[position])
          position += 1
        }
      }
      guard new.count < old.count else { continue }
      change(index, by: -1)
      words[index].pieces = new
      grown.formUnion(change(index, by: 1).filter { $0.left == piece || $0.right == piece })
    }
    counts[pair] = nil
    for pair in grown { push((counts[pair] ?? 0, pair)) }
  }

  /// Counts a word's pairs in or out.
  @discardableResult
  private mutating func change(_ index: Int, by sign: Int) -> [Pair] {
    let (pieces, count) = words[index]
    let pairs = zip(pieces, pieces.dropFirst()).map { Pair(left: $0, right: $1) }
    for pair in pairs {
      counts[pair, default: 0] += sign * count
      if sign > 0 { places[pair, default: []].insert(index) }
    }
    return pairs
  }

  // MARK: The heap

  private func precedes(_ one: Int, _ other: Int) -> Bool {
    let (a, b) = (heap[one], heap[other])
    return (b.count, a.pair.left, a.pair.right) < (a.count, b.pair.left, b.pair.right)
  }

  private mutating func push(_ entry: (count: Int, pair: Pair)) {
    heap.append(entry)
    var child = heap.count - 1
    while child > 0, precedes(child, (child - 1) / 2) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private mutating func pop() {
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      let children = [2 * parent + 1, 2 * parent + 2].filter { $0 < heap.count }
      guard let best = children.min(by: { precedes($0, $1) }), precedes(best, parent) else { return }
      heap.swapAt(parent, best)
      parent = best
    }
  }
}

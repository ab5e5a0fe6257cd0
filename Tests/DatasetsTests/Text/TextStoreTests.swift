import Datasets
import Testing

@Suite struct TextStoreTests {
  private let vocabulary = ["[UNK]", "[CLS]", "[SEP]", "a", "b", "c"]

  @Test func batchesArePaddedToTheirLongest() throws {
    let tokenizer = WordPieceTokenizer(try Vocabulary(vocabulary, name: "v"), maxTokens: 5)
    let texts = ["a", "b c", "a b c a b", ""]
    let examples = texts.enumerated().map { Example(source: .text($1, file: "t.csv", line: $0 + 2), label: $0 % 2) }
    for threads in [1, 3] {
      let store = try TextStore(examples, tokenizer: tokenizer, threads: threads)
      #expect(store.lengths == [3, 4, 5, 2] && store.labels == [0, 1, 0, 1] && store.values == nil)
      let (numbers, width) = store.batch([1, 0])
      #expect(width == 4 && numbers == [1, 4, 5, 2, 1, 3, 2, -1])
      #expect(store.batch([2]).numbers == [1, 3, 4, 5, 2])
      #expect(Set(store.checksums()).count == 4)
    }
    let image = Example(source: .file("x.png"), label: 0)
    #expect(throws: DatasetError.self) { try TextStore([image], tokenizer: tokenizer) }
    #expect(throws: DatasetError.self) { try examples[0].source.decode() }
  }
}

/// Length bucketing of ``BatchOrder``.
@Suite struct LengthBucketTests {
  private let lengths = (0..<203).map { 5 + ($0 * 37) % 90 }

  @Test(arguments: [1, 8, 32]) func anEpochIsAPermutation(batchSize: Int) {
    var order = BatchOrder(count: 203, seed: 3, lengths: lengths)
    for epoch in 0..<5 {
      #expect(order.permutation(epoch, batchSize: batchSize).sorted() == Array(0..<203))
    }
    // Position p of the stream lies in epoch p / N.
    var seen: [Int: [Int]] = [:]
    for step in 0..<(4 * 203 / batchSize) {
      for (index, epoch) in order.indices(step: step, batchSize: batchSize) { seen[epoch, default: []].append(index) }
    }
    for epoch in 0..<3 { #expect(seen[epoch]?.sorted() == Array(0..<203)) }
  }

  @Test func aFunctionOfSeedStepAndBatchSize() {
    var order = BatchOrder(count: 203, seed: 3, lengths: lengths)
    let steps = (0..<40).map { order.indices(step: $0, batchSize: 16).map(\.index) }
    var resumed = BatchOrder(count: 203, seed: 3, lengths: lengths)
    for step in [39, 0, 17] { #expect(resumed.indices(step: step, batchSize: 16).map(\.index) == steps[step]) }
    var other = BatchOrder(count: 203, seed: 4, lengths: lengths)
    #expect(other.indices(step: 0, batchSize: 16).map(\.index) != steps[0])
    // Not one composition over and over.
    #expect(Set(steps.map { Set($0) }).count == 40)
  }

  @Test func batchesHoldSimilarLengths() {
    func padding(_ order: BatchOrder) -> Double {
      var order = order
      var (padded, whole) = (0, 0)
      for step in 0..<200 {
        let batch = order.indices(step: step, batchSize: 16).map { lengths[$0.index] }
        padded += 16 * (batch.max() ?? 0) - batch.reduce(0, +)
        whole += batch.reduce(0, +)
      }
      return Double(padded) / Double(whole)
    }
    let (random, bucketed) = (
      padding(BatchOrder(count: 203, seed: 3)), padding(BatchOrder(count: 203, seed: 3, lengths: lengths))
    )
    #expect(random > 0.7 && bucketed < 0.4, "\(random), \(bucketed)")
    var plain = BatchOrder(count: 9, seed: 1)
    #expect(plain.permutation(0, batchSize: 4) == plain.permutation(0))
  }
}

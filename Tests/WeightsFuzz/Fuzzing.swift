import Foundation

/// Reads mutated inputs; the same seed and number give the same input.
struct Fuzzing {
  private let seed: UInt64
  private let corpus: Corpus

  init(seed: Int, folder: String?) throws {
    self.seed = UInt64(seed)
    corpus = try Corpus(folder: folder)
  }

  /// The input of that number.
  private func input(_ number: Int) -> (kind: Corpus.Kind, bytes: [UInt8]) {
    var mutator = Mutator(random: Randomness(seed: seed, input: number))
    var (kind, bytes) = mutator.random.element(corpus.inputs)
    let other = mutator.random.element(corpus.inputs).bytes
    mutator.mutate(&bytes, other: other)
    return (kind, bytes)
  }

  /// Reads inputs and prints how many were read and refused, the rate, and the slowest one.
  func run(count: Int, from first: Int) throws {
    let start = ContinuousClock.now
    var read = 0
    var slowest = (seconds: 0.0, number: first)
    for number in first..<first + count {
      let (kind, bytes) = input(number)
      let before = processorSeconds()
      if try Corpus.read(kind, bytes) { read += 1 }
      let seconds = processorSeconds() - before
      if seconds > slowest.seconds { slowest = (seconds, number) }
      if (number + 1).isMultiple(of: 100_000) {
        try FileHandle.standardError.write(contentsOf: Data("\(number + 1)\n".utf8))
      }
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    print(
      "{\"inputs\":\(count),\"first\":\(first),\"seed\":\(seed),\"read\":\(read),\"refused\":\(count - read),"
        + "\"per_second\":\(Int(Double(count) / seconds)),\"slowest_seconds\":\(slowest.seconds),"
        + "\"slowest\":\(slowest.number),\"peak_kilobytes\":\(Opening.peakKilobytes())}")
  }

  /// Writes one input to a file.
  func write(_ number: Int, to path: String) throws {
    try Data(input(number).bytes).write(to: URL(fileURLWithPath: path))
  }
}

/// The processor time that this process has used.
func processorSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

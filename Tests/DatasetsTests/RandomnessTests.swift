import Datasets
import Testing

@Suite struct RandomnessTests {
  @Test func cropsAreAFunctionOfSeedEpochAndIndex() {
    func crops(_ seed: UInt64, _ epoch: Int) -> [Crop] {
      (0..<50).map { Augmentation(seed: seed).crop(index: $0, epoch: epoch, height: 40, width: 40, size: 32) }
    }
    #expect(crops(1, 0) == crops(1, 0))
    #expect(crops(1, 0) != crops(2, 0))
    #expect(crops(1, 0) != crops(1, 1))
    #expect(Set(crops(1, 0)).count > 35)
  }

  /// Each position, each mirroring and each pair of both must come up equally often: Pearson's χ² on 90 cells.
  @Test func cropsAreUniform() {
    let draws = 90_000
    var counts = [Int](repeating: 0, count: 5 * 9 * 2)
    for index in 0..<draws {
      let crop = Augmentation(seed: 7).crop(index: index % 300, epoch: index / 300, height: 12, width: 16, size: 8)
      counts[(crop.top * 9 + crop.left) * 2 + (crop.mirrored ? 1 : 0)] += 1
    }
    let expected = Double(draws) / Double(counts.count)
    let chiSquared = counts.reduce(0.0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
    // 89 degrees of freedom: mean 89, standard deviation 13.3.
    #expect((89 - 4 * 13.3..<89 + 4 * 13.3).contains(chiSquared))
  }

  @Test func neighbouringCropsAreUncorrelated() {
    let lefts = (0..<20_000).map {
      Double(Augmentation(seed: 3).crop(index: $0, epoch: 0, height: 108, width: 108, size: 8).left) - 50
    }
    let covariance = zip(lefts, lefts.dropFirst()).reduce(0) { $0 + $1.0 * $1.1 } / 20_000
    // Uniform on 0…100 has variance 850; the correlation's standard error is 1/√20000.
    #expect(abs(covariance / 850) < 4 / 20_000.0.squareRoot())
  }

  @Test func everyEpochHoldsEachExampleOnce() {
    var order = BatchOrder(count: 23, seed: 5)
    let stream = (0..<23).flatMap { order.indices(step: $0, batchSize: 5) }
    #expect(stream.count == 5 * 23)
    for epoch in 0..<5 {
      let part = stream[23 * epoch..<23 * (epoch + 1)]
      #expect(part.allSatisfy { $0.epoch == epoch })
      #expect(part.map(\.index).sorted() == Array(0..<23))
    }
    #expect(stream[..<23].map(\.index) != stream[23..<46].map(\.index))
  }

  @Test func theOrderIsAFunctionOfSeedAndPosition() {
    var forward = BatchOrder(count: 10, seed: 1)
    var jumping = BatchOrder(count: 10, seed: 1)
    var other = BatchOrder(count: 10, seed: 2)
    let steps = (0..<12).map { forward.indices(step: $0, batchSize: 4).map(\.index) }
    for step in [11, 0, 6, 2, 9] {
      #expect(jumping.indices(step: step, batchSize: 4).map(\.index) == steps[step])
    }
    #expect((0..<12).map { other.indices(step: $0, batchSize: 4).map(\.index) } != steps)
    // The batch size only cuts the stream.
    #expect(jumping.indices(step: 0, batchSize: 48).map(\.index) == steps.flatMap { $0 })
  }

  /// Each example is equally likely at the first place: χ² over 4000 epochs.
  @Test func permutationsAreUniform() {
    var order = BatchOrder(count: 8, seed: 9)
    var counts = [Int](repeating: 0, count: 8)
    for epoch in 0..<4000 { counts[order.permutation(epoch)[0]] += 1 }
    let chiSquared = counts.reduce(0.0) { $0 + (Double($1) - 500) * (Double($1) - 500) / 500 }
    #expect(chiSquared < 7 + 4 * 14.0.squareRoot())
  }
}

import Support
import Testing
import Torch
import Training

/// SWAG's moments and deviations against Algorithm 1 of its paper, written out in float64.
struct SwagCollectorTests {
  @Test(arguments: [(1, 1), (3, 5), (7, 5), (30, 5), (30, 2)])
  func itIsAlgorithmOne(iterates: Int, columns: Int) throws {
    var generator = SplitMix64(state: UInt64(100 * iterates + columns))
    let count = 50
    let weights = (0...iterates).map { _ in
      (0..<count).map { Float(100 * $0) + Float.random(in: -1...1, using: &generator) }
    }
    var collector = SwagCollector(start: weights[0], columns: columns)
    for iterate in weights.dropFirst() { collector.collect(iterate) }
    #expect(collector.count == iterates + 1)

    // Algorithm 1: running first and second moments, n of them before the iterate n.
    var (first, second) = ([Double](), [Double]())
    var deviations: [[Double]] = []
    for (n, iterate) in weights.enumerated() {
      let values = iterate.map(Double.init)
      if n == 0 {
        (first, second) = (values, values.map { $0 * $0 })
        continue
      }
      first = zip(first, values).map { (Double(n) * $0 + $1) / Double(n + 1) }
      second = zip(second, values).map { (Double(n) * $0 + $1 * $1) / Double(n + 1) }
      if deviations.count == columns { deviations.removeFirst() }
      deviations.append(zip(values, first).map { $0 - $1 })
    }
    for (found, expected) in zip(collector.mean, first) {
      #expect(abs(Double(found) - expected) <= Double(Float(expected).ulp))
    }
    for (index, found) in collector.variance.enumerated() {
      // The plain form cancels: 1e-9 is float64's error of a square near 2.5e7.
      #expect(abs(Double(found) - (second[index] - first[index] * first[index])) < 1e-6)
      #expect(found >= 0)
    }
    #expect(collector.deviations.count == min(columns, iterates))
    for (found, expected) in zip(collector.deviations, deviations) {
      for (a, b) in zip(found, expected) { #expect(abs(Double(a) - b) < 1e-6) }
    }
  }

  @Test func weightsThatDoNotMoveHaveNoVariance() {
    var collector = SwagCollector(start: [0.1, -3e7], columns: 2)
    for _ in 0..<3 { collector.collect([0.1, -3e7]) }
    #expect(collector.mean == [0.1, -3e7] && collector.variance == [0, 0])
    #expect(collector.deviations == [[0, 0], [0, 0]])
  }

  /// v ← 0.9v + g + βw, w ← w − ηv, on numbers; and the gradients are zero afterwards.
  @Test func aStepIsPyTorchs() throws {
    let gradient = [0.5, -2, 0, 1e-3]
    var (weights, velocity) = ([1.0, -1, 0.25, 3], [0.0, 0, 0, 0])
    let tensor = try Tensor(weights, shape: [4])
    let optimizer = try MomentumSGD(like: tensor, weightDecay: 0.01)
    for step in 1...5 {
      let gradients = try Tensor(gradient.map { $0 * Double(step) }, shape: [4])
      try optimizer.step(tensor, gradients, learningRate: 0.1)
      for index in weights.indices {
        velocity[index] = 0.9 * velocity[index] + gradient[index] * Double(step) + 0.01 * weights[index]
        weights[index] -= 0.1 * velocity[index]
      }
      for (a, b) in zip(try tensor.doubles(), weights) { #expect(abs(a - b) < 1e-12) }
      #expect(try gradients.doubles() == [0, 0, 0, 0])
    }
  }
}

import Baselines
import Foundation
import Testing

/// The usual test functions, on the unit cube.
private enum Function: CaseIterable {
  case branin, hartmann6

  var dimensions: Int { self == .branin ? 2 : 6 }

  /// The published minimum.
  var minimum: Double { self == .branin ? 0.397887 : -3.32237 }

  func callAsFunction(_ point: [Double]) -> Double {
    switch self {
    case .branin:
      let (x, y) = (15 * point[0] - 5, 15 * point[1])
      let term = y - 5.1 / (4 * .pi * .pi) * x * x + 5 / .pi * x - 6
      return term * term + 10 * (1 - 1 / (8 * .pi)) * cos(x) + 10
    case .hartmann6:
      return -zip([1.0, 1.2, 3.0, 3.2], zip(Self.widths, Self.centers)).reduce(0) { sum, row in
        let (widths, centers) = row.1
        let distance = (0..<6).reduce(0.0) { $0 + widths[$1] * pow(point[$1] - centers[$1], 2) }
        return sum + row.0 * exp(-distance)
      }
    }
  }

  private static let widths: [[Double]] = [
    [10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14],
  ]
  private static let centers: [[Double]] = [
    [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886], [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
    [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650], [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
  ]
}

@Suite struct BayesianOptimizerTests {
  private func search(_ function: Function, seed: UInt64, evaluations: Int) -> [BayesianOptimizer.Observation] {
    let optimizer = BayesianOptimizer(dimensions: function.dimensions, seed: seed)
    var observations: [BayesianOptimizer.Observation] = []
    while observations.count < evaluations {
      let point = optimizer.suggest(after: observations)
      observations.append(BayesianOptimizer.Observation(point: point, value: function(point)))
    }
    return observations
  }

  @Test func theFunctionsHaveTheirMinima() {
    #expect(abs(Function.branin([(Double.pi + 5) / 15, 2.275 / 15]) - Function.branin.minimum) < 1e-5)
    let best = [0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573]
    #expect(abs(Function.hartmann6(best) - Function.hartmann6.minimum) < 1e-4)
  }

  /// The acceptance of issue 6: lower median regret after 30 evaluations, 20 seeds, sign test with p < 0.05.
  @Test(arguments: Function.allCases) private func itBeatsRandomSearch(_ function: Function) {
    var regrets: [(bayesian: Double, random: Double)] = []
    for seed in 0..<20 as Range<UInt64> {
      let found = search(function, seed: seed, evaluations: 30).compactMap(\.value).min() ?? .infinity
      var random = SearchRandom(seed: seed, stream: 99)
      let drawn = (0..<30).map { _ in function(random.point(function.dimensions)) }.min() ?? .infinity
      regrets.append((found - function.minimum, drawn - function.minimum))
    }
    func median(_ values: [Double]) -> Double {
      let sorted = values.sorted()
      return (sorted[sorted.count / 2 - 1] + sorted[sorted.count / 2]) / 2
    }
    let (bayesian, random) = (median(regrets.map(\.bayesian)), median(regrets.map(\.random)))
    let (wins, losses) = (regrets.count { $0.bayesian < $0.random }, regrets.count { $0.bayesian > $0.random })
    let p = signTest(wins: wins, losses: losses)
    print("\(function): median regret \(bayesian) against \(random) at random; \(wins) of 20 seeds won, p = \(p)")
    #expect(bayesian < random)
    #expect(p < 0.05)
  }

  /// The probability of a difference of wins so large, or larger, either way, if both were equally likely.
  private func signTest(wins: Int, losses: Int) -> Double {
    let count = wins + losses
    func logChoose(_ k: Int) -> Double {
      lgamma(Double(count + 1)) - lgamma(Double(k + 1)) - lgamma(Double(count - k + 1))
    }
    let tail = (max(wins, losses)...count).reduce(0.0) { $0 + exp(logChoose($1) - Double(count) * log(2)) }
    return wins > losses ? min(1, 2 * tail) : 1
  }

  @Test func itIsAFunctionOfSeedAndObservations() {
    let first = search(.branin, seed: 4, evaluations: 8)
    #expect(search(.branin, seed: 4, evaluations: 8) == first)
    #expect(search(.branin, seed: 5, evaluations: 2) != Array(first.prefix(2)))
    // An interrupted search goes on.
    let optimizer = BayesianOptimizer(dimensions: 2, seed: 4)
    #expect(optimizer.suggest(after: Array(first.prefix(5))) == first[5].point)
  }

  @Test func failuresCountAsTheWorst() {
    let optimizer = BayesianOptimizer(dimensions: 1, seed: 1)
    var observations: [BayesianOptimizer.Observation] = []
    // Everything above a half fails.
    for _ in 0..<14 {
      let point = optimizer.suggest(after: observations)
      let value = point[0] > 0.5 ? nil : pow(point[0] - 0.2, 2)
      observations.append(BayesianOptimizer.Observation(point: point, value: value))
    }
    #expect(observations.contains { $0.value == nil })
    #expect((observations.compactMap(\.value).min() ?? 1) < 1e-4)
    // Where nothing has a value, it goes on at random.
    let failed = [BayesianOptimizer.Observation(point: [0.1], value: nil)]
    #expect((0...1).contains(optimizer.suggest(after: failed)[0]))
  }
}

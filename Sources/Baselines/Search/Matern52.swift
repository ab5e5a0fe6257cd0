import Foundation

/// k(x, x') = s²(1 + √5 r + 5r²/3) e^{−√5 r}, r² = Σ ((xᵢ − x'ᵢ)/ℓᵢ)² (Rasmussen and Williams, equation 4.17).
struct Matern52 {
  private let lengthscales: [Double]
  private let variance: Double

  init(_ hyperparameters: GaussianProcess.Hyperparameters) {
    (lengthscales, variance) = (hyperparameters.lengthscales, hyperparameters.signalVariance)
  }

  private func distance(_ a: [Double], _ b: [Double]) -> Double {
    var sum = 0.0
    for axis in lengthscales.indices {
      let difference = (a[axis] - b[axis]) / lengthscales[axis]
      sum += difference * difference
    }
    return (5 * sum).squareRoot()
  }

  func callAsFunction(_ a: [Double], _ b: [Double]) -> Double {
    let root = distance(a, b)
    return variance * (1 + root + root * root / 3) * exp(-root)
  }

  /// The kernel between all points, row-major.
  func matrix(_ points: [[Double]]) -> [Double] {
    let count = points.count
    var result = [Double](repeating: variance, count: count * count)
    for row in 0..<count {
      for column in 0..<row {
        let value = self(points[row], points[column])
        (result[row * count + column], result[column * count + row]) = (value, value)
      }
    }
    return result
  }

  /// The derivatives of k(a, b) by a.
  func gradient(_ a: [Double], _ b: [Double]) -> [Double] {
    let root = distance(a, b)
    let factor = -variance * 5 / 3 * (1 + root) * exp(-root)
    return lengthscales.indices.map { factor * (a[$0] - b[$0]) / (lengthscales[$0] * lengthscales[$0]) }
  }

  /// k(a, b), which is its derivative by ln s², and its derivatives by each ln ℓ.
  func scaleGradient(_ a: [Double], _ b: [Double]) -> (value: Double, slopes: [Double]) {
    let root = distance(a, b)
    let decay = variance * exp(-root)
    let factor = decay * 5 / 3 * (1 + root)
    let slopes = lengthscales.indices.map { axis in
      let difference = (a[axis] - b[axis]) / lengthscales[axis]
      return factor * difference * difference
    }
    return (decay * (1 + root + root * root / 3), slopes)
  }
}

import Foundation

/// KL(q ‖ p) between Gaussians by full matrices in float64: the oracle of the closed forms.
///
/// q = N(mean, diag σ²), p = N(center, covariance); nothing here knows of low rank, scales or blocks.
struct DenseGaussian {
  var covariance: [[Double]]

  /// L with LLᵀ = covariance.
  private func cholesky() -> [[Double]] {
    var lower = covariance.map { $0.map { _ in 0.0 } }
    for i in covariance.indices {
      for j in 0...i {
        var sum = covariance[i][j]
        for k in 0..<j { sum -= lower[i][k] * lower[j][k] }
        lower[i][j] = i == j ? sum.squareRoot() : sum / lower[j][j]
      }
    }
    return lower
  }

  /// The inverse and ln det.
  func inverted() -> (precision: [[Double]], logDeterminant: Double) {
    let lower = cholesky()
    let n = lower.count
    // The columns of L⁻¹, then L⁻ᵀL⁻¹.
    var inverse = [[Double]](repeating: [Double](repeating: 0, count: n), count: n)
    for column in 0..<n {
      for row in column..<n {
        var sum = row == column ? 1.0 : 0
        for k in column..<row { sum -= lower[row][k] * inverse[k][column] }
        inverse[row][column] = sum / lower[row][row]
      }
    }
    var precision = inverse
    for i in 0..<n {
      for j in 0...i {
        var sum = 0.0
        for k in i..<n { sum += inverse[k][i] * inverse[k][j] }
        (precision[i][j], precision[j][i]) = (sum, sum)
      }
    }
    return (precision, lower.indices.reduce(0) { $0 + 2 * log(lower[$1][$1]) })
  }
}

/// What the dense formulas say of a posterior and a prior.
struct DenseDivergence {
  var kl: Double
  var meanGradient: [Double]
  /// ∂KL/∂σᵢ.
  var sigmaGradient: [Double]

  init(deviation: [Double], sigma: [Double], precision: [[Double]], logDeterminant: Double) {
    let n = deviation.count
    meanGradient = precision.map { row in zip(row, deviation).reduce(0) { $0 + $1.0 * $1.1 } }
    let distance = zip(meanGradient, deviation).reduce(0) { $0 + $1.0 * $1.1 }
    let trace = (0..<n).reduce(0) { $0 + precision[$1][$1] * sigma[$1] * sigma[$1] }
    let entropy = sigma.reduce(0) { $0 + log($1 * $1) }
    kl = 0.5 * (trace + distance - Double(n) + logDeterminant - entropy)
    sigmaGradient = (0..<n).map { precision[$0][$0] * sigma[$0] - 1 / sigma[$0] }
  }
}

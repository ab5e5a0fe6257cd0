/// The Cholesky factor of a symmetric positive definite matrix, K = LLᵀ, in float64.
struct Cholesky {
  /// L, row-major; what lies above its diagonal is not read.
  let factor: [Double]
  /// The number of rows.
  let size: Int

  /// Factors `matrix`, row-major; nil where it is not positive definite.
  init?(_ matrix: [Double], size: Int) {
    var factor = matrix
    for row in 0..<size {
      for column in 0...row {
        var sum = factor[row * size + column]
        for k in 0..<column { sum -= factor[row * size + k] * factor[column * size + k] }
        if row == column {
          guard sum > 0, sum.isFinite else { return nil }
          factor[row * size + row] = sum.squareRoot()
        } else {
          factor[row * size + column] = sum / factor[column * size + column]
        }
      }
    }
    (self.factor, self.size) = (factor, size)
  }

  /// The diagonal of L.
  var diagonal: [Double] { (0..<size).map { factor[$0 * size + $0] } }

  /// L⁻¹b.
  func forward(_ vector: [Double]) -> [Double] {
    var result = vector
    for row in 0..<size {
      var sum = result[row]
      for k in 0..<row { sum -= factor[row * size + k] * result[k] }
      result[row] = sum / factor[row * size + row]
    }
    return result
  }

  /// L⁻ᵀb.
  func backward(_ vector: [Double]) -> [Double] {
    var result = vector
    for row in (0..<size).reversed() {
      var sum = result[row]
      for k in row + 1..<max(size, row + 1) { sum -= factor[k * size + row] * result[k] }
      result[row] = sum / factor[row * size + row]
    }
    return result
  }

  /// K⁻¹b.
  func solve(_ vector: [Double]) -> [Double] { backward(forward(vector)) }

  /// K⁻¹, row-major.
  var inverse: [Double] {
    var result = [Double](repeating: 0, count: size * size)
    var unit = [Double](repeating: 0, count: size)
    for column in 0..<size {
      unit[column] = 1
      let solved = solve(unit)
      unit[column] = 0
      for row in 0..<size { result[row * size + column] = solved[row] }
    }
    return result
  }
}

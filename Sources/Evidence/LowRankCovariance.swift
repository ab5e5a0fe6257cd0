import Foundation
import Torch

/// Σ = diag(s) + UUᵀ over the backbone, known by its inverse Σ⁻¹ = diag(1/s) − WWᵀ (Woodbury).
///
/// The covariance of SWAG that a PTYL prior has (Shwartz-Ziv et al., NeurIPS 2022): s = ½v + 0.1 and U = Q/√(2K − 2),
/// with v the diagonal variance and the K columns of Q as deviations from the mean. With C = I + Uᵀdiag(1/s)U = LLᵀ, K
/// × K in float64, W = diag(1/s)UL⁻ᵀ and ln det Σ = Σᵢ ln sᵢ + 2 Σⱼ ln Lⱼⱼ (the matrix determinant lemma): nothing
/// larger than D × K is ever formed.
public final class LowRankCovariance {
  /// ln det Σ.
  public let logDeterminant: Double
  /// (Σ⁻¹)ᵢᵢ, a flat vector; 0 in padding and outside the backbone.
  public let precisionDiagonal: Tensor

  /// s, a flat vector; 1 outside the backbone.
  private let diagonal: Tensor
  /// 1/s, a flat vector; 0 where ``precisionDiagonal`` is.
  private let inverse: Tensor
  /// The columns of W, flat vectors.
  private let columns: [Tensor]
  /// L.
  private let lower: [[Double]]

  /// The covariance of a variance S and of K ≥ 2 deviations, flat vectors in the layout's order.
  ///
  /// `support` is 1 where a parameter is under it, and 0 elsewhere. Throws PyTorch's errors, and where a value is not
  /// finite or s is not positive: C has no Cholesky factor then, or ln det Σ is not finite.
  public init(
    variance: Tensor, deviations: [Tensor], epsilon: Double = 0.1, support: Tensor
  ) throws(TorchError) {
    guard deviations.count >= 2 else {
      throw TorchError("a low-rank covariance needs at least 2 columns, found \(deviations.count)")
    }
    let outside = try support * -1 + 1
    // 1 outside, where its logarithm is 0.
    let diagonal = try (variance * 0.5 + epsilon) * support + outside
    inverse = try diagonal.reciprocal() * support
    let factor = 1 / Double(2 * deviations.count - 2).squareRoot()
    var scaled: [Tensor] = []
    for column in deviations { scaled.append(try column * inverse * factor) }
    var capacitance: [[Double]] = []
    for (row, left) in scaled.enumerated() {
      var values: [Double] = []
      for (column, right) in deviations.prefix(row + 1).enumerated() {
        values.append(factor * (try left.dot(right)) + (row == column ? 1 : 0))
      }
      capacitance.append(values)
    }
    let lower = try cholesky(capacitance)
    // W = diag(1/s) U L⁻ᵀ: the rows of L⁻¹ applied to the columns, by forward substitution.
    var columns: [Tensor] = []
    for (row, column) in scaled.enumerated() {
      let rest = try column.clone()
      for (index, earlier) in columns.enumerated() { try rest.add_(earlier, alpha: -lower[row][index]) }
      try rest.mul_(1 / lower[row][row])
      columns.append(rest)
    }
    (self.diagonal, self.lower, self.columns) = (diagonal, lower, columns)
    let precision = try inverse.clone()
    for column in columns { try precision.add_(column * column, alpha: -1) }
    precisionDiagonal = precision
    let logDeterminant: Double =
      try diagonal.log().doubleSum() + 2 * lower.indices.reduce(0) { $0 + log(lower[$1][$1]) }
    guard logDeterminant.isFinite else {
      throw TorchError(
        "the prior's covariance is not positive definite: ln det Σ is \(logDeterminant), expected a finite number")
    }
    self.logDeterminant = logDeterminant
  }

  /// A = (w̄ − m)ᵀ Σ⁻¹ (w̄ − m), and p = Σ⁻¹ (w̄ − m) as a flat vector.
  ///
  /// Along wide directions of Σ Woodbury's own form of A is a small difference of large numbers. With z = L⁻ᵀWᵀ(w̄ −
  /// m), by which w̄ − m = diag(s)p + Uz, it is a sum: A = pᵀdiag(s)p + zᵀz.
  func project(
    _ mean: Tensor, from center: Tensor?
  ) throws(TorchError) -> (squaredDistance: Double, pull: Tensor) {
    let deviation = try center.map { center throws(TorchError) in try mean - center } ?? mean
    let pull = try deviation * inverse
    var z: [Double] = []
    for column in columns {
      let along = try column.dot(deviation)
      z.append(along)
      try pull.add_(column, alpha: -along)
    }
    for row in z.indices.reversed() {
      z[row] = (row + 1..<z.count).reduce(z[row]) { $0 - lower[$1][row] * z[$1] } / lower[row][row]
    }
    return (try (pull * diagonal).dot(pull) + z.reduce(0) { $0 + $1 * $1 }, pull)
  }
}

/// The lower triangular L with LLᵀ = A, of A's lower triangle.
private func cholesky(_ matrix: [[Double]]) throws(TorchError) -> [[Double]] {
  var lower: [[Double]] = []
  for (row, values) in matrix.enumerated() {
    lower.append(values)
    for column in 0...row {
      let rest = (0..<column).reduce(values[column]) { $0 - lower[row][$1] * lower[column][$1] }
      if column < row {
        lower[row][column] = rest / lower[column][column]
      } else {
        guard rest > 0, rest.isFinite else {
          throw TorchError("the prior's covariance is not positive definite: \(rest) on the diagonal of its factor")
        }
        lower[row][column] = rest.squareRoot()
      }
    }
  }
  return lower
}

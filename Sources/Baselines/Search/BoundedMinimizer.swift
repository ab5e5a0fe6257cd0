/// Minimises a smooth function in a box: BFGS on the coordinates that no bound holds, backtracking along the
/// projection.
///
/// Bertsekas, *Projected Newton methods*, SIAM J. Control and Optimization, 1982. Meant for a handful of dimensions, as
/// its matrices are dense.
struct BoundedMinimizer {
  var lower: [Double]
  var upper: [Double]
  var iterations = 50
  /// Where the projected gradient's largest entry is below this, the search ends.
  var tolerance = 1e-6

  /// A function's value and gradient; nil where it has none.
  typealias Function = ([Double]) -> (value: Double, gradient: [Double])?

  /// The best point found from `start`; nil where the function has no value there.
  func minimize(from start: [Double], _ function: Function) -> (point: [Double], value: Double)? {
    let count = start.count
    var point = clamped(start)
    guard var (value, gradient) = function(point), value.isFinite else { return nil }
    var inverse = Self.identity(count, scale: 1)
    var isFresh = true
    for _ in 0..<iterations {
      let free = (0..<count).map { index in
        !(point[index] <= lower[index] && gradient[index] > 0) && !(point[index] >= upper[index] && gradient[index] < 0)
      }
      let slope = (0..<count).map { free[$0] ? abs(gradient[$0]) : 0 }.max() ?? 0
      if slope < tolerance { break }
      var direction = Self.direction(inverse, gradient, free)
      if Self.dot(direction, gradient) >= 0 {
        (inverse, isFresh) = (Self.identity(count, scale: 1), true)
        direction = Self.direction(inverse, gradient, free)
      }
      let first = isFresh ? min(1, 1 / slope) : 1
      guard let next = backtrack(point, value, gradient, direction, first, function) else {
        if isFresh { break }
        (inverse, isFresh) = (Self.identity(count, scale: 1), true)
        continue
      }
      let step = zip(next.point, point).map { $0 - $1 }
      let change = zip(next.gradient, gradient).map { $0 - $1 }
      let gain = value - next.value
      (point, value, gradient) = next
      let curvature = Self.dot(step, change)
      if curvature > 1e-12 * Self.dot(change, change).squareRoot() * Self.dot(step, step).squareRoot() {
        if isFresh { inverse = Self.identity(count, scale: curvature / Self.dot(change, change)) }
        isFresh = false
        Self.update(&inverse, step, change, curvature)
      }
      if gain <= 1e-11 * (1 + abs(value)) { break }
    }
    return (point, value)
  }

  /// The first point along the way, each half as far, where the value falls enough (Armijo's rule).
  private func backtrack(
    _ point: [Double], _ value: Double, _ gradient: [Double], _ direction: [Double], _ first: Double,
    _ function: Function
  ) -> (point: [Double], value: Double, gradient: [Double])? {
    var length = first
    for _ in 0..<30 {
      let next = clamped(zip(point, direction).map { $0 + length * $1 })
      let step = zip(next, point).map { $0 - $1 }
      if let (found, slope) = function(next), found.isFinite, found <= value + 1e-4 * Self.dot(gradient, step),
        next != point
      {
        return (next, found, slope)
      }
      length /= 2
    }
    return nil
  }

  private func clamped(_ point: [Double]) -> [Double] {
    point.indices.map { min(max(point[$0], lower[$0]), upper[$0]) }
  }

  private static func identity(_ count: Int, scale: Double) -> [Double] {
    (0..<count * count).map { $0 % (count + 1) == 0 ? scale : 0 }
  }

  private static func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

  /// −Hg over the free coordinates, 0 elsewhere.
  private static func direction(_ inverse: [Double], _ gradient: [Double], _ free: [Bool]) -> [Double] {
    let count = gradient.count
    return (0..<count).map { row in
      guard free[row] else { return 0 }
      return -(0..<count).reduce(0.0) { free[$1] ? $0 + inverse[row * count + $1] * gradient[$1] : $0 }
    }
  }

  /// The BFGS update of the inverse Hessian (Nocedal and Wright, *Numerical Optimization*, equation 6.17).
  private static func update(_ inverse: inout [Double], _ step: [Double], _ change: [Double], _ curvature: Double) {
    let count = step.count
    let product = (0..<count).map { row in
      (0..<count).reduce(0.0) { $0 + inverse[row * count + $1] * change[$1] }
    }
    let scale = (1 + dot(change, product) / curvature) / curvature
    for row in 0..<count {
      for column in 0..<count {
        inverse[row * count + column] +=
          scale * step[row] * step[column] - (product[row] * step[column] + step[row] * product[column]) / curvature
      }
    }
  }
}

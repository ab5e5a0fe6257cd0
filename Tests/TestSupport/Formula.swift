/// Tensors that Python and Swift compute alike, so that golden files need not hold weights and inputs.
///
/// The twin of Tests/golden/formula.py, which says how: SplitMix64 seeded with the FNV-1a hash of a name.
package enum Formula {
  /// The first `count` 64-bit hashes of `name`.
  package static func hashes(_ name: String, count: Int) -> [UInt64] {
    let key = name.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    return (0..<count).map { index in
      var z = key &+ (UInt64(index) + 1) &* 0x9E37_79B9_7F4A_7C15
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  /// Uniform doubles in [low, high).
  package static func uniform(_ name: String, count: Int, _ low: Double, _ high: Double) -> [Double] {
    hashes(name, count: count).map { low + (high - low) * (Double($0 >> 11) * 0x1p-53) }
  }

  /// A network's tensor by its state-dict name, in logical order: He-uniform weights, BN near identity, small biases,
  /// weaker in a bottleneck's last BN and in a layer scale.
  package static func state(_ name: String, shape: [Int]) -> [Double] {
    let count = shape.reduce(1, *)
    if name.hasSuffix("running_mean") { return uniform(name, count: count, -0.1, 0.1) }
    if name.hasSuffix("bn3.weight") || name.hasSuffix("layer_scale") { return uniform(name, count: count, 0.15, 0.25) }
    if name.hasSuffix("running_var") || (name.hasSuffix("weight") && shape.count == 1) {
      return uniform(name, count: count, 0.75, 1.25)
    }
    if shape.count == 1 { return uniform(name, count: count, -0.1, 0.1) }
    let bound = (6 / Double(count / shape[0])).squareRoot()
    return uniform(name, count: count, -bound, bound)
  }

  /// Projections of `values` on `count` ≤ 64 vectors of random signs: bit k of the hashes of `signs:<name>`.
  ///
  /// For any v, E[(s·v)²] = ‖v‖²: the root mean square of the differences of projections estimates ‖v − v*‖.
  package static func projections(_ name: String, _ values: [Double], count: Int) -> [Double] {
    var sums = [Double](repeating: 0, count: count)
    for (bits, value) in zip(hashes("signs:" + name, count: values.count), values) {
      for k in 0..<count { sums[k] += (bits >> UInt64(k)) & 1 == 1 ? value : -value }
    }
    return sums
  }
}

import Foundation

/// Reads Tests/golden and compares with it.
package enum Golden {
  /// The package's folder.
  package static let packageRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// A file below Tests/golden, decoded from JSON.
  package static func load<Value: Decodable>(_ path: String, as type: Value.Type = Value.self) throws -> Value {
    let file = packageRoot.appendingPathComponent("Tests/golden/\(path)")
    return try JSONDecoder().decode(type, from: Data(contentsOf: file))
  }

  /// |value − golden| / |golden|; |value| where the golden value is 0.
  package static func relativeError(_ value: Double, _ golden: Double) -> Double {
    relativeError([value], [golden])
  }

  /// ‖values − golden‖ / ‖golden‖; ‖values‖ where the golden norm is 0, infinite where the counts differ.
  package static func relativeError(_ values: [Double], _ golden: [Double]) -> Double {
    guard values.count == golden.count else { return .infinity }
    let reference = norm(golden)
    return norm(zip(values, golden).map { $0 - $1 }) / (reference > 0 ? reference : 1)
  }

  /// The relative error of a tensor, in logical order, against what the golden file holds of it.
  ///
  /// From all values it is exact. From projections, ‖values − golden‖ is their differences' root mean square, with a
  /// standard error of about 12 % for 32 of them; it is floored by the difference of the norms, which it bounds.
  package static func relativeError(_ values: [Double], _ golden: TensorDigest, name: String) -> Double {
    if let all = golden.values { return relativeError(values, all) }
    guard let goldenNorm = golden.norm, let projections = golden.projections, !projections.isEmpty else {
      return .infinity
    }
    let found = Formula.projections(name, values, count: projections.count)
    let difference = norm(zip(found, projections).map { $0 - $1 }) / Double(projections.count).squareRoot()
    return max(difference, abs(norm(values) - goldenNorm)) / (goldenNorm > 0 ? goldenNorm : 1)
  }

  /// The L2 norm.
  package static func norm(_ values: [Double]) -> Double {
    values.reduce(0) { $0 + $1 * $1 }.squareRoot()
  }
}

/// What a golden file holds of a tensor: all values, or its norm and random-sign projections.
package struct TensorDigest: Decodable, Sendable {
  package let values: [Double]?
  package let norm: Double?
  package let projections: [Double]?
}

/// Where the shared data lies, if it does.
package enum Shared {
  /// `GRIDLESS_SHARED`, else ../shared beside the package; nil if that is no folder.
  package static let root: URL? = {
    let named = ProcessInfo.processInfo.environment["GRIDLESS_SHARED"]
    let url =
      named.map { URL(fileURLWithPath: $0) }
      ?? Golden.packageRoot.deletingLastPathComponent().appendingPathComponent("shared")
    return FileManager.default.fileExists(atPath: url.path) ? url : nil
  }()

  /// A file or folder below the shared folder; nil if it is not there.
  package static func path(_ relative: String) -> String? {
    guard let path = root?.appendingPathComponent(relative).path, FileManager.default.fileExists(atPath: path) else {
      return nil
    }
    return path
  }
}

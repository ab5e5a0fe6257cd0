import Foundation

/// The values that a grid search tries, each with each: a JSON object of lists, which a user can change.
///
/// ```json
/// { "lr": [0.1, 0.01], "alpha": [0.001, 0], "beta": [0.001, 0] }
/// ```
///
/// Without `beta` the head has the backbone's α. For a low-rank prior, `lambda` stands in `alpha`'s place.
public struct HyperparameterGrid: Sendable, Equatable {
  /// Each hyperparameter's values.
  public var values: [String: [Double]]

  /// A grid of these values.
  ///
  /// Throws ``GridError`` where a name is unknown, `lr` is missing, or a value has no meaning.
  public init(_ values: [String: [Double]]) throws(GridError) {
    self.values = values
    let names = values.keys.sorted()
    let unknown = names.filter { !Self.names.contains($0) }
    guard unknown.isEmpty else { throw .unknownNames(unknown) }
    guard names.contains("lr"), names.contains("alpha") != names.contains("lambda") else { throw .missingNames(names) }
    for name in names {
      let list = values[name] ?? []
      guard !list.isEmpty else { throw .noValues(name) }
      let mayBeZero = name == "alpha" || name == "beta"
      for value in list where !value.isFinite || value < 0 || (value == 0 && !mayBeZero) {
        throw .badValue(name: name, value: value)
      }
      guard Set(list).count == list.count else { throw .repeated(name) }
    }
  }

  /// Reads a file.
  ///
  /// Throws ``GridError``, which names it.
  public init(path: String) throws(GridError) {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .file(path: path, problem: "cannot be read")
    }
    guard let values = try? JSONDecoder().decode([String: [Double]].self, from: data) else {
      throw .file(path: path, problem: "not a JSON object of lists of numbers")
    }
    do {
      try self.init(values)
    } catch {
      throw .file(path: path, problem: error.problem)
    }
  }

  private static let names: Set = ["lr", "alpha", "beta", "lambda"]
  private static let rates = [0.1, 0.01, 0.001, 0.0001]
  private static let strengths = [0.01, 1e-3, 1e-4, 1e-5, 1e-6, 0]

  private init(published values: [String: [Double]]) { self.values = values }

  /// The published 144 runs: four learning rates, six α, six β (Harvey, Petrov and Hughes, arXiv 2502.01861).
  public static let l2SP = HyperparameterGrid(published: ["lr": rates, "alpha": strengths, "beta": strengths])
  /// The published 24 runs of L2-zero and of linear probing: α = β.
  public static let l2Zero = HyperparameterGrid(published: ["lr": rates, "alpha": strengths])
  /// The published 240 runs of a low-rank prior: λ from 1 to 10⁹.
  public static let ptyl = HyperparameterGrid(
    published: ["lr": rates, "lambda": (0...9).map { pow(10, Double($0)) }, "beta": strengths])

  /// The number of its points.
  public var count: Int { values.values.reduce(1) { $0 * $1.count } }

  /// Every point: the learning rate changes last, then α or λ, and β first.
  public var points: [[String: Double]] {
    ["lr", "alpha", "lambda", "beta"].reduce([[:]]) { points, name in
      guard let list = values[name] else { return points }
      return points.flatMap { point in list.map { point.merging([name: $0]) { _, new in new } } }
    }
  }

  /// Points drawn by a seed, without repetition: a smaller draw is the beginning of a larger one.
  public func drawn(_ count: Int, seed: UInt64) -> [[String: Double]] {
    let all = points
    var random = SearchRandom(seed: seed, stream: 1)
    return random.permutation(all.count).prefix(count).map { all[$0] }
  }
}

extension HyperparameterGrid: Codable {
  /// Reads the lists, as ``init(_:)``.
  public init(from decoder: any Decoder) throws {
    try self.init(decoder.singleValueContainer().decode([String: [Double]].self))
  }

  /// Writes the lists.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(values)
  }
}

/// What is wrong with a grid.
public enum GridError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Names that are no hyperparameters.
  case unknownNames([String])
  /// What there is lacks `lr`, or has not one of `alpha` and `lambda`.
  case missingNames([String])
  /// An empty list.
  case noValues(String)
  /// A value without a meaning.
  case badValue(name: String, value: Double)
  /// A value that stands twice in its list.
  case repeated(String)
  /// A file of a grid.
  case file(path: String, problem: String)

  /// What is wrong, without what to do.
  var problem: String {
    switch self {
    case .unknownNames(let names): "unknown: \(names.joined(separator: ", "))"
    case .missingNames(let names): "lr and one of alpha and lambda are needed, found \(names.joined(separator: ", "))"
    case .noValues(let name): "\(name) has no values"
    case .badValue(let name, let value): "\(name) has the value \(value)"
    case .repeated(let name): "\(name) has a value twice"
    case .file(_, let problem): problem
    }
  }

  /// What was found, what was expected, and what to do.
  public var description: String {
    let expected =
      "Expected a JSON object such as { \"lr\": [0.1, 0.01], \"alpha\": [0.001, 0], \"beta\": [0.001, 0] }."
    if case .file(let path, let problem) = self { return "\(path): \(problem). \(expected)" }
    return "the grid: \(problem). \(expected)"
  }
}

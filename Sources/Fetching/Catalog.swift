import Foundation

/// What can be fetched by name.
public struct Catalog: Sendable {
  /// Checkpoints, then data sets.
  public let assets: [Asset]

  /// The variable that names a JSON file with other assets, for tests and for sites with data of their own.
  public static let variable = "GRIDLESS_ASSETS"

  /// The assets of the file that ``variable`` names, else the official ones.
  ///
  /// Throws ``FetchError/unusableCatalog(path:reason:)``.
  public init(environment: [String: String] = ProcessInfo.processInfo.environment) throws(FetchError) {
    guard let path = environment[Self.variable], !path.isEmpty else {
      assets = Self.officialCheckpoints + Self.officialDatasets
      return
    }
    do {
      assets = try JSONDecoder().decode([Asset].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    } catch {
      throw .unusableCatalog(path: path, reason: "\(error)")
    }
  }

  /// The asset of that name.
  ///
  /// Throws ``FetchError/unknown(name:known:)``.
  public func asset(named name: String) throws(FetchError) -> Asset {
    guard let asset = assets.first(where: { $0.name == name }) else {
      throw .unknown(name: name, known: assets.map(\.name))
    }
    return asset
  }

  /// The checkpoint that a network has where none is named; nil if it has no official one.
  public func checkpoint(of model: String) -> Asset? { assets.first { $0.name == model && !$0.isDataset } }

  /// The names of all checkpoints.
  public var checkpointNames: [String] { assets.filter { !$0.isDataset }.map(\.name) }
}

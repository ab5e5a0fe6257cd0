import ArgumentParser
import Foundation
import Gridless

/// What `--weights` stands for: a file, none, a checkpoint of the catalogue, or where it is left out the network's
/// official one.
struct ChosenWeights {
  /// The file; nil to train from scratch.
  let path: String?
  /// The checkpoint of the catalogue, and who fetches it.
  private let official: (asset: Asset, fetcher: Fetcher)?

  /// Chooses; a file goes before a checkpoint of that name.
  ///
  /// Refuses that no checkpoint is named where a network has no official one, and says which would fit.
  init(_ weights: String?, of backbone: Backbone) throws {
    if let weights {
      if weights != "none", !FileManager.default.fileExists(atPath: weights),
        let asset = try Catalog().checkpoint(of: weights)
      {
        let fetcher = try Fetcher()
        (path, official) = (fetcher.place(of: asset), (asset, fetcher))
      } else {
        path = weights == "none" ? nil : weights
        official = nil
      }
      return
    }
    let catalog = try Catalog()
    guard let asset = catalog.checkpoint(of: backbone.name) else {
      let known = Backbone.all.map(\.name).filter { catalog.checkpoint(of: $0) != nil }
      throw ValidationError(
        "--weights is missing: name the checkpoint of \(backbone.name), safetensors or PyTorch's. It wants "
          + "\(backbone.weightsHint). To train from scratch, pass --weights none. An official checkpoint, which is "
          + "fetched where --weights is left out, have \(known.joined(separator: ", ")).")
    }
    let fetcher = try Fetcher()
    (path, official) = (fetcher.place(of: asset), (asset, fetcher))
  }

  /// Fetches the checkpoint of the catalogue, if one was chosen and is not there; not for data that is not there
  /// either.
  func fetch(for data: String, showing progress: ProgressPrinter) throws {
    guard let (asset, fetcher) = official else { return }
    guard FileManager.default.fileExists(atPath: data) else { throw DatasetError.notFound(path: data) }
    let fetched = try fetcher.fetch(asset, showing: progress)
    progress.print(FetchEvent.note("the weights are the official checkpoint \(fetched.path)"))
  }
}

extension Fetcher {
  /// Brings an asset to its place, and shows how; before anything is asked for, what is said of its use.
  func fetch(_ asset: Asset, to folder: String? = nil, showing progress: ProgressPrinter) throws -> Fetched {
    defer { progress.finish() }
    var hasBegun = false
    return try fetch(asset, to: folder) { event in
      if case .began = event, !hasBegun {
        progress.print(FetchEvent.note("\(asset.title): \(asset.terms)"))
        hasBegun = true
      }
      progress.print(event)
    }
  }
}

import Foundation
import Support

/// Finds the file of weights in a folder.
///
/// Known are: a folder with `model.safetensors`, `model.safetensors.index.json`, `pytorch_model.bin` or
/// `pytorch_model.bin.index.json`, the first of these that is there (a clone of a Hugging Face repository, a snapshot
/// in its cache, a run folder); `models--<organisation>--<name>` of that cache, whose `refs/main` names the snapshot;
/// and a folder with one single file of weights, such as torch hub's `checkpoints`. Nothing is searched deeper.
public enum WeightsFolder {
  /// In the order in which transformers looks for them.
  private static let names = [
    "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json",
  ]
  private static let suffixes = [".safetensors", ".pth", ".pt", ".bin", ".ckpt"]

  /// The file of weights in the folder at `path`.
  ///
  /// Throws `WeightsError.unusable` where there is none, or no single one.
  public static func file(in path: String) throws(WeightsError) -> String {
    let folder = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    let entries: [String]
    do {
      entries = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    } catch {
      throw .unreadable(path: path, reason: "the folder cannot be listed")
    }
    if entries.contains("snapshots"), !entries.contains(where: names.contains) {
      return try file(in: snapshot(of: folder))
    }
    if let name = names.first(where: entries.contains) { return "\(folder)/\(name)" }
    let models = entries.filter { $0.hasPrefix("models--") }
    guard models.isEmpty else {
      throw .unusable(
        path: path, problem: "it is a cache of \(models.count) models", advice: "Pass one: \(list(models)).")
    }
    let files = entries.filter { name in
      suffixes.contains(where: name.hasSuffix) && FileKind("\(folder)/\(name)") != .folder
    }
    guard let single = files.first, files.count == 1 else {
      throw .unusable(
        path: path,
        problem: files.isEmpty
          ? "the folder has no weights (none of \(names.joined(separator: ", ")), and no other file of weights)"
          : "the folder has \(files.count) files of weights",
        advice: files.isEmpty ? "Pass the file, or the folder that it is in." : "Pass one: \(list(files)).")
    }
    return "\(folder)/\(single)"
  }

  /// The snapshot that a model's folder in Hugging Face's cache stands at.
  private static func snapshot(of folder: String) throws(WeightsError) -> String {
    let snapshots =
      ((try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/snapshots")) ?? []).sorted()
      .filter { FileKind("\(folder)/snapshots/\($0)") == .folder }
    if let bytes = try? FileMapping.start(of: "\(folder)/refs/main", count: 256) {
      let revision = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
      guard ShardIndex.isFileName(revision), snapshots.contains(revision) else {
        throw .unusable(
          path: folder, problem: "refs/main names the snapshot '\(revision)', which is not there",
          advice: snapshots.isEmpty ? "Fetch the model again." : "Pass a snapshot's folder: \(list(snapshots)).")
      }
      return "\(folder)/snapshots/\(revision)"
    }
    guard let only = snapshots.first, snapshots.count == 1 else {
      throw .unusable(
        path: folder, problem: "it has \(snapshots.count) snapshots and no refs/main",
        advice: snapshots.isEmpty ? "Fetch the model again." : "Pass one snapshot's folder: \(list(snapshots)).")
    }
    return "\(folder)/snapshots/\(only)"
  }

  private static func list(_ names: [String]) -> String {
    names.prefix(5).joined(separator: ", ") + (names.count > 5 ? " …" : "")
  }
}

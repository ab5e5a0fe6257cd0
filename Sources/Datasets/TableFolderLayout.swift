import Foundation
import Support

/// A folder of tables: `train.csv` or `train.tsv`, optionally `val` and `test` beside it.
enum TableFolderLayout {
  /// Whether a folder is one: it has a training table, and where it has folders, too, that table names columns, and
  /// none of the folders is a split's, whose folders would be classes of images.
  static func isOne(_ root: String) -> Bool {
    guard let table = table(of: .train, in: root) else { return false }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    let folders = names.filter { !$0.hasPrefix(".") && FileKind("\(root)/\($0)") == .folder }
    if folders.isEmpty { return true }
    if folders.contains(where: { Split(rawValue: $0) != nil }) { return false }
    return TableLayout.hasColumns(table)
  }

  /// Reads each split's table; a table whose own column `split` names another than `train` is refused.
  static func read(_ root: String) throws(DatasetError) -> Listing {
    var result: Listing?
    for split in Split.allCases {
      guard let path = table(of: split, in: root) else { continue }
      let listing = try TableLayout.read(path)
      guard listing.parts.count == 1, let part = listing.parts[.train] else {
        throw .malformed(
          path: path, line: 1,
          reason: "a column split in a table that is one split. Remove it, or pass the file itself.")
      }
      var merged = result ?? Listing(layout: listing.layout == .table ? .tableFolder : listing.layout)
      guard result == nil || merged.hasValues == listing.hasValues else {
        throw .malformed(path: path, line: 1, reason: "labels in one table and values in another. Give all the same.")
      }
      merged.hasValues = listing.hasValues
      merged.parts[split] = part
      merged.notes += listing.notes.filter { !merged.notes.contains($0) }
      result = merged
    }
    guard let result else { throw .unrecognized(path: root, found: "a folder without tables") }
    return result
  }

  private static func table(of split: Split, in root: String) -> String? {
    ["csv", "tsv"].map { "\(root)/\(split.rawValue).\($0)" }.first { FileKind($0) == .file }
  }
}

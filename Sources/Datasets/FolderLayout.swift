import Foundation
import Support

/// Class folders: `ROOT/train/<class>/…` with optional `val` and `test`, or `ROOT/<class>/…`.
///
/// Files are listed as torchvision's `make_dataset` lists them: folders in sorted order, files sorted within each.
enum FolderLayout {
  private static let extensions: Set<String> = ["jpg", "jpeg", "png", "webp"]
  /// What people call splits, in lower case, and which.
  private static let splitNames: [String: Split] = [
    "train": .train, "training": .train, "val": .val, "valid": .val, "validation": .val, "test": .test,
    "testing": .test,
  ]

  /// What people add to such names.
  private static let splitSuffixes: Set<String> = [
    "image", "images", "img", "imgs", "photos", "pictures", "data", "dataset", "set", "split", "folder",
  ]

  /// Whether folders are splits by other names than train, val and test.
  ///
  /// All are words for these, as `Training` and `test_images`; or some are among the words of their names, as of
  /// `seg_train` and `seg_test`, and no folder has images itself. Classes whose names have such a word, as kinds of
  /// trains have, are all of one or have images.
  private static func areSplits(_ folders: [String], in root: String) throws(DatasetError) -> Bool {
    if folders.allSatisfy({ splitNames[$0.lowercased()] != nil }) { return true }
    let words = folders.map { $0.lowercased().split { !$0.isLetter }.map(String.init) }
    let named = words.map { $0.compactMap { splitNames[$0] }.first }
    guard Set(named.compactMap(\.self)).count > 1 else { return false }
    let areAll =
      !named.contains(nil) && words.joined().allSatisfy { splitNames[$0] != nil || splitSuffixes.contains($0) }
    if areAll { return true }
    for folder in folders where try Folder("\(root)/\(folder)").files.contains(where: isImage) { return false }
    return true
  }

  /// What tells a run's folder, a study's or a checkpoint's, which may lie where classes do.
  private static let ownFiles: Set = ["config.json", "study.json"]

  private static func isImage(_ name: String) -> Bool {
    extensions.contains((name as NSString).pathExtension.lowercased())
  }

  static func read(_ root: String) throws(DatasetError) -> Listing {
    let folders = try Folder(root).folders
    let splits = Split.allCases.filter { folders.contains($0.rawValue) }
    var reader = Reader()
    var listing = Listing(layout: splits.isEmpty ? .flatFolder : .imageFolder)
    if splits.isEmpty {
      guard !folders.isEmpty else {
        throw .unrecognized(path: root, found: "a folder without class folders")
      }
      guard try !areSplits(folders, in: root) else {
        throw .malformed(
          path: root, line: nil,
          reason:
            "found \(folders.joined(separator: ", ")), which are no classes but splits, expected train, val and test. "
            + "Rename the folders to these.")
      }
      listing.parts[.train] = try reader.part(root)
    } else {
      for split in splits {
        let path = "\(root)/\(split.rawValue)"
        let folder = try Folder(path)
        let images = folder.files.count { isImage($0) }
        if folder.folders.isEmpty, images > 0, split != .train {
          listing.notes.append(
            "\(split.rawValue)/ is ignored: none of its \(images) image(s) lies in a class folder (gridless predict "
              + "takes such)")
        } else {
          listing.parts[split] = try reader.part(path)
        }
      }
      for other in folders where Split(rawValue: other) == nil {
        listing.notes.append("\(other)/ is ignored (expected train, val or test)")
      }
    }
    listing.notes += reader.notes
    return listing
  }

  /// The images in a folder and below, found and ordered as those of a class are.
  static func images(below path: String) throws(DatasetError) -> [String] {
    var reader = Reader()
    return try reader.images(path, above: [])
  }

  /// A folder's entries, hidden ones left out, each sorted by UTF-8 bytes.
  private struct Folder {
    var folders: [String] = []
    var files: [String] = []

    init(_ path: String) throws(DatasetError) {
      do {
        for name in try FileManager.default.contentsOfDirectory(atPath: path) where !name.hasPrefix(".") {
          if FileKind("\(path)/\(name)") == .folder { folders.append(name) } else { files.append(name) }
        }
      } catch {
        throw .malformed(path: path, line: nil, reason: "the folder cannot be listed. Check its permissions.")
      }
      folders.sort { $0.precedesByBytes($1) }
      files.sort { $0.precedesByBytes($1) }
    }
  }

  /// Walks class folders and counts what it leaves out.
  private struct Reader {
    private var ignored: [String: Int] = [:]
    private var stray = 0
    private var ownFolders: [String] = []

    var notes: [String] {
      var notes = ownFolders.map { "\($0)/ is ignored: a run, a study or a checkpoint, and no class" }
      if !ignored.isEmpty {
        let counts = ignored.sorted { $0.key.precedesByBytes($1.key) }.map { "\($0.key): \($0.value)" }
        notes.append("other files are ignored (\(counts.joined(separator: ", ")))")
      }
      if stray > 0 { notes.append("\(stray) image(s) outside class folders are ignored") }
      return notes
    }

    mutating func part(_ path: String) throws(DatasetError) -> Listing.Part {
      let folder = try Folder(path)
      stray += folder.files.count { isImage($0) }
      var examples: [Example] = []
      var classes: [String] = []
      for name in folder.folders {
        let before = ignored
        let files = try images("\(path)/\(name)", above: [])
        guard !files.isEmpty else {
          guard try Folder("\(path)/\(name)").files.contains(where: ownFiles.contains) else {
            throw .emptyClass(path: "\(path)/\(name)")
          }
          ownFolders.append(name)
          ignored = before
          continue
        }
        examples += files.map { Example(source: .file($0), label: classes.count) }
        classes.append(name)
      }
      return Listing.Part(classes: classes, examples: examples)
    }

    /// The images in a folder and below.
    ///
    /// `above` holds the folders on the way, so that a symbolic link cannot loop.
    mutating func images(_ path: String, above: Set<String>) throws(DatasetError) -> [String] {
      let resolved = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
      guard !above.contains(resolved) else { return [] }
      let folder = try Folder(path)
      var found: [String] = []
      for name in folder.files {
        if isImage(name) {
          found.append("\(path)/\(name)")
        } else {
          let suffix = (name as NSString).pathExtension.lowercased()
          ignored[suffix.isEmpty ? "no extension" : ".\(suffix)", default: 0] += 1
        }
      }
      for name in folder.folders { found += try images("\(path)/\(name)", above: above.union([resolved])) }
      return found
    }
  }
}

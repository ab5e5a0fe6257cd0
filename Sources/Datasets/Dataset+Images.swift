import Support

extension Dataset {
  /// The images in a folder and below, found and ordered as those of a class folder are; nil for what is no folder.
  ///
  /// Hidden files and files of other kinds are left out; a folder without images gives none. Throws
  /// `DatasetError.malformed` for a folder that cannot be listed.
  package static func images(below path: String) throws(DatasetError) -> [String]? {
    guard FileKind(path) == .folder else { return nil }
    return try FolderLayout.images(below: withoutTrailingSlashes(path))
  }
}

import Foundation

/// A file that is to be written.
enum OutputFile {
  /// Refuses an output that is there or cannot be made, before anything is computed.
  ///
  /// Throws ``TrainingError/exists(path:)`` and ``TrainingError/notWritable(path:reason:)``.
  static func check(_ path: String, overwrite: Bool) throws(TrainingError) {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    if isFolder.boolValue { throw .notWritable(path: path, reason: "it is a folder") }
    if exists && !overwrite { throw .exists(path: path) }
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
      throw .notWritable(path: path, reason: "no such folder")
    }
    guard access(folder, W_OK | X_OK) == 0 else {
      throw .notWritable(path: path, reason: String(cString: strerror(errno)))
    }
  }
}

import Foundation

/// A file that is to be written.
package enum OutputFile {
  /// Refuses an output that is there or cannot be made, before anything is computed.
  ///
  /// Throws ``TrainingError/exists(path:)`` and ``TrainingError/notWritable(path:reason:)``.
  package static func check(_ path: String, overwrite: Bool) throws(TrainingError) {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    if isFolder.boolValue { throw .notWritable(path: path, reason: "it is a folder") }
    var status = stat()
    // Its name would be the new file's: the device or the pipe would be gone.
    if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
      throw .notWritable(path: path, reason: "it is not a regular file")
    }
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

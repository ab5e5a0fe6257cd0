import Foundation

/// A file that is to be written.
package enum OutputFile {
  /// Refuses an output that is there or cannot be made, before anything is computed.
  ///
  /// Throws ``TrainingError/exists(path:)`` and ``TrainingError/notWritable(path:reason:)``.
  package static func check(_ path: String, overwrite: Bool) throws(TrainingError) {
    var status = stat()
    if stat(path, &status) == 0 {
      switch status.st_mode & S_IFMT {
      case S_IFREG: if !overwrite { throw .exists(path: path) }
      case S_IFDIR: throw .notWritable(path: path, reason: "it is a folder")
      // Its name would be the new file's: the device or the pipe would be gone.
      default: throw .notWritable(path: path, reason: "it is not a regular file")
      }
    }
    var isFolder: ObjCBool = false
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else {
      throw .notWritable(path: path, reason: "no such folder")
    }
    guard access(folder, W_OK | X_OK) == 0 else {
      throw .notWritable(path: path, reason: String(cString: strerror(errno)))
    }
  }
}

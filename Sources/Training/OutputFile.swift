import Foundation
import Support

/// A file that is to be written.
package enum OutputFile {
  /// Refuses an output that is there or cannot be made, before anything is computed.
  ///
  /// Throws ``TrainingError/exists(path:)`` and ``TrainingError/notWritable(path:reason:)``.
  package static func check(_ path: String, overwrite: Bool) throws(TrainingError) {
    switch FileKind(path) {
    case .missing: break
    case .file: if !overwrite { throw .exists(path: path) }
    case .folder: throw .notWritable(path: path, reason: "it is a folder")
    // Its name would be the new file's: the device or the pipe would be gone.
    case .other: throw .notWritable(path: path, reason: "it is not a regular file")
    }
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    guard FileKind(folder) == .folder else {
      throw .notWritable(path: path, reason: "no such folder")
    }
    guard access(folder, W_OK | X_OK) == 0 else {
      throw .notWritable(path: path, reason: systemMessage())
    }
  }
}

import Foundation
import Weights

/// A file of a run that grows at its end, and that is cut where the run goes on.
final class AppendedFile {
  /// The file's length.
  private(set) var bytes: Int

  private let path: String
  private let descriptor: Int32

  /// Opens the file and cuts it to its first `bytes`, which it has.
  ///
  /// Throws `AtomicFileError`, as the other methods do.
  init(path: String, keeping bytes: Int = 0) throws {
    (self.path, self.bytes) = (path, bytes)
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
    try check(descriptor, "open")
    try check(ftruncate(descriptor, off_t(bytes)), "truncate")
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Appends bytes; what does not fit the disk is cut off when the run goes on.
  func append(_ data: Data) throws {
    try check(AtomicFile.writeAll(data, to: descriptor), "write", bytes: data.count)
    bytes += data.count
  }

  /// Forces the file to disk, as a checkpoint refers to its length.
  func sync() throws { try check(fsync(descriptor), "sync") }

  private func check(_ result: Int32, _ operation: String, bytes: Int = 0) throws {
    if result < 0 { throw AtomicFileError(path: path, operation: operation, code: errno, bytes: bytes) }
  }
}

import Foundation
import Support

/// A file that could not be written; what was at its path before is untouched.
///
/// (Where `operation` is `sync folder`, the file is whole and in place, but may not survive a power failure.)
public struct AtomicFileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file that was to be written.
  public let path: String
  /// What was being done, such as `write`.
  public let operation: String
  /// The system's error number.
  public let code: Int32
  /// The bytes that were to be written.
  public let bytes: Int

  package init(path: String, operation: String, code: Int32, bytes: Int) {
    self.path = path
    self.operation = operation
    self.code = code
    self.bytes = bytes
  }

  /// What failed, and the bytes that the file needs.
  public var reason: String { "\(operation): \(systemMessage(code)); \(bytes) bytes needed" }

  /// The file, the system's message, and what to do.
  public var description: String {
    "\(path): cannot be written (\(reason)). Check the folder, its permissions and free space."
  }
}

/// Writes files that readers see whole or not at all, even after a crash.
public enum AtomicFile {
  /// Writes `data` to `path`, replacing a file that is there.
  ///
  /// It is written to a temporary file beside it, forced to disk and renamed, and the folder is forced to disk. Throws
  /// `AtomicFileError`.
  public static func write(_ data: Data, to path: String) throws {
    try write([data], to: path)
  }

  /// Writes `parts`, one after the other, to `path`, replacing a file that is there.
  ///
  /// Throws `AtomicFileError`.
  public static func write(_ parts: [Data], to path: String) throws {
    let url = URL(fileURLWithPath: path)
    let folder = url.deletingLastPathComponent().path
    let temporary = "\(folder)/\(temporaryName(for: url.lastPathComponent))"
    func failure(_ operation: String, _ code: Int32) -> AtomicFileError {
      AtomicFileError(path: path, operation: operation, code: code, bytes: parts.reduce(0) { $0 + $1.count })
    }
    func check(_ result: Int32, _ operation: String) throws {
      if result < 0 { throw failure(operation, errno) }
    }

    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    try check(descriptor, "create")
    do {
      defer { close(descriptor) }
      for part in parts { try check(writeAll(part, to: descriptor), "write") }
      try check(fsync(descriptor), "sync")
      try check(rename(temporary, path), "rename")
    } catch {
      unlink(temporary)
      throw error
    }

    // The rename itself survives a crash only once the folder is on disk.
    let code = syncResult(of: folder)
    if code != 0 { throw failure("sync folder", code) }
  }

  /// Forces a folder's entries to disk: a file or folder that was made in it survives a crash only then.
  ///
  /// Throws `AtomicFileError`.
  package static func syncFolder(_ folder: String) throws {
    let code = syncResult(of: folder)
    guard code == 0 else { throw AtomicFileError(path: folder, operation: "sync folder", code: code, bytes: 0) }
  }

  /// 0, or the error's number; some file systems cannot say (EINVAL), and some folders can be written but not read.
  private static func syncResult(of folder: String) -> Int32 {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return 0 }
    defer { close(descriptor) }
    guard fsync(descriptor) < 0 else { return 0 }
    let code = errno
    return code == EINVAL ? 0 : code
  }

  /// A name for a temporary file that becomes `name`.
  package static func temporaryName(for name: String) -> String {
    ".\(name).\(String(UInt64.random(in: 0 ... .max), radix: 36)).partial"
  }

  /// Removes the temporary files that killed processes left in `folder`.
  ///
  /// The caller knows that no other process writes there.
  package static func removeTemporaries(in folder: String) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] where isTemporary(name) {
      unlink("\(folder)/\(name)")
    }
  }

  /// Whether a file of this name is one that this type makes and renames.
  package static func isTemporary(_ name: String) -> Bool {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count >= 4 && parts[0].isEmpty && parts.last == "partial"
      && UInt64(parts[parts.count - 2], radix: 36) != nil
  }

  /// Writes all of `data`, in as many pieces as the system takes; -1 on failure, with `errno` set.
  package static func writeAll(_ data: Data, to descriptor: Int32) -> Int32 {
    data.withUnsafeBytes { bytes in
      var rest = bytes[...]
      while let start = UnsafeRawBufferPointer(rebasing: rest).baseAddress, !rest.isEmpty {
        let written = Foundation.write(descriptor, start, rest.count)
        if written < 0 {
          if errno == EINTR { continue }
          return -1
        }
        rest = rest.dropFirst(written)
      }
      return 0
    }
  }
}

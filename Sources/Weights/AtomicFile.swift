import Foundation

/// A file that could not be written; what was at its path before is untouched.
public struct AtomicFileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file that was to be written.
  public let path: String
  /// What was being done, such as `write`.
  public let operation: String
  /// The system's error number.
  public let code: Int32

  package init(path: String, operation: String, code: Int32) {
    self.path = path
    self.operation = operation
    self.code = code
  }

  /// The file, the system's message, and what to do.
  public var description: String {
    "\(path): cannot be written (\(operation): \(systemMessage(code))). Check the folder, its permissions and free space."
  }
}

/// Writes files that readers see whole or not at all, even after a crash.
public enum AtomicFile {
  /// Writes `data` to `path`, replacing a file that is there.
  ///
  /// It is written to a temporary file beside it, forced to disk and renamed. Throws `AtomicFileError`.
  public static func write(_ data: Data, to path: String) throws {
    try write([data], to: path)
  }

  /// Writes `parts`, one after the other, to `path`, replacing a file that is there.
  ///
  /// Throws `AtomicFileError`.
  public static func write(_ parts: [Data], to path: String) throws {
    let url = URL(fileURLWithPath: path)
    let folder = url.deletingLastPathComponent().path
    let temporary = "\(folder)/.\(url.lastPathComponent).\(String(UInt64.random(in: 0 ... .max), radix: 36))"
    func check(_ result: Int32, _ operation: String) throws {
      if result < 0 { throw AtomicFileError(path: path, operation: operation, code: errno) }
    }

    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    try check(descriptor, "create")
    do {
      defer { close(descriptor) }
      for part in parts { try part.withUnsafeBytes { try check(writeAll($0, to: descriptor), "write") } }
      try check(fsync(descriptor), "sync")
      try check(rename(temporary, path), "rename")
    } catch {
      unlink(temporary)
      throw error
    }

    // The rename itself survives a crash only once the folder is on disk.
    let folderDescriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if folderDescriptor >= 0 {
      fsync(folderDescriptor)
      close(folderDescriptor)
    }
  }

  /// Writes all of `bytes`, in as many pieces as the system takes; -1 on failure.
  private static func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int32 {
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

/// The system's message for `code`.
func systemMessage(_ code: Int32 = errno) -> String {
  String(cString: strerror(code))
}

import Foundation
import Support

/// Reads a file, or `count` bytes of it from `offset`.
///
/// Throws `DatasetError.unreadable` with the system's own words.
func readFile(_ path: String, offset: Int = 0, count: Int? = nil) throws(DatasetError) -> [UInt8] {
  func failed() -> DatasetError { .unreadable(path: path, reason: systemMessage()) }
  // Without O_NONBLOCK, opening a pipe would wait for its other end.
  let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
  guard descriptor >= 0 else { throw failed() }
  defer { close(descriptor) }
  var status = stat()
  guard fstat(descriptor, &status) == 0 else { throw failed() }
  guard status.st_mode & S_IFMT == S_IFREG else { throw .unreadable(path: path, reason: "not a regular file") }
  let wanted = count ?? Int(status.st_size)
  var succeeded = true
  let bytes = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
    while filled < wanted, let start = buffer.baseAddress {
      let got = pread(descriptor, start + filled, wanted - filled, off_t(offset + filled))
      if got < 0 && errno == EINTR { continue }
      succeeded = got >= 0
      guard got > 0 else { return }
      filled += got
    }
  }
  guard succeeded else { throw failed() }
  guard count == nil || bytes.count == wanted else {
    throw .unreadable(path: path, reason: "ends at byte \(offset + bytes.count), expected \(offset + wanted)")
  }
  return bytes
}

/// Reads a whole table or list, which nobody can leave out as they can an image.
///
/// Throws `DatasetError.malformed` with the system's own words.
func readTable(_ path: String) throws(DatasetError) -> [UInt8] {
  do throws(DatasetError) {
    return try readFile(path)
  } catch {
    guard case .unreadable(_, let reason) = error else { throw error }
    throw .malformed(
      path: path, line: nil, reason: "cannot be read (\(reason)). Check the path and its permissions.")
  }
}

extension String {
  /// Whether this comes first when sorted by UTF-8 bytes, which is how Python sorts strings.
  func precedesByBytes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}

import Foundation

/// Maps files into memory, whole and read-only.
enum FileMapping {
  /// Maps a regular file of at least 8 bytes; `problem` is what is thrown for a shorter one.
  ///
  /// Throws `WeightsError.unreadable` where the system refuses.
  static func map(_ path: String, tooShort: (_ size: Int) -> WeightsError) throws -> UnsafeRawBufferPointer {
    // Non-blocking, so that a named pipe is refused and not waited for.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw WeightsError.unreadable(path: path, reason: systemMessage()) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw WeightsError.unreadable(path: path, reason: systemMessage())
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw WeightsError.unreadable(path: path, reason: "not a regular file")
    }
    let size = Int(status.st_size)
    guard size >= 8 else { throw tooShort(size) }
    guard let base = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED else {
      throw WeightsError.unreadable(path: path, reason: systemMessage())
    }
    return UnsafeRawBufferPointer(start: base, count: size)
  }

  /// Ends a mapping.
  static func unmap(_ mapping: UnsafeRawBufferPointer) {
    munmap(UnsafeMutableRawPointer(mutating: mapping.baseAddress), mapping.count)
  }
}

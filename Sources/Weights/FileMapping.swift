import Foundation
import Support

/// Maps files into memory, whole and read-only, and reads their beginnings.
enum FileMapping {
  /// Maps a regular file of at least 8 bytes; `problem` is what is thrown for a shorter one.
  ///
  /// Throws `WeightsError.unreadable` where the system refuses.
  static func map(_ path: String, tooShort: (_ size: Int) -> WeightsError) throws -> UnsafeRawBufferPointer {
    let (descriptor, status) = try open(path)
    defer { close(descriptor) }
    let size = Int(status.st_size)
    guard size >= 8 else { throw tooShort(size) }
    guard let base = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), base != MAP_FAILED else {
      throw WeightsError.unreadable(path: path, reason: systemMessage())
    }
    return UnsafeRawBufferPointer(start: base, count: size)
  }

  /// The first `count` bytes of a regular file, or all where it has fewer.
  ///
  /// Throws `WeightsError.unreadable` where the system refuses.
  static func start(of path: String, count: Int) throws(WeightsError) -> Data {
    let (descriptor, _) = try open(path)
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    do {
      return try file.read(upToCount: count) ?? Data()
    } catch {
      throw .unreadable(path: path, reason: "reading fails")
    }
  }

  private static func open(_ path: String) throws(WeightsError) -> (descriptor: Int32, status: stat) {
    // Non-blocking, so that a named pipe is refused and not waited for.
    let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .unreadable(path: path, reason: systemMessage()) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      let reason = systemMessage()
      close(descriptor)
      throw .unreadable(path: path, reason: reason)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw .unreadable(path: path, reason: "not a regular file")
    }
    return (descriptor, status)
  }

  /// Lets the pages of a mapping that were read go from memory; they are read again when they are needed.
  static func forget(_ mapping: UnsafeRawBufferPointer) {
    madvise(UnsafeMutableRawPointer(mutating: mapping.baseAddress), mapping.count, MADV_DONTNEED)
  }

  /// Ends a mapping.
  static func unmap(_ mapping: UnsafeRawBufferPointer) {
    munmap(UnsafeMutableRawPointer(mutating: mapping.baseAddress), mapping.count)
  }
}

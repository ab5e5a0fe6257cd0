import Foundation
import Support

/// A block of bytes in memory or, when larger than a limit, in a memory-mapped file that vanishes with the process.
///
/// `@unchecked Sendable`: writers fill disjoint ranges before the block is shared; after that it is only read.
final class PixelStorage: @unchecked Sendable {
  let bytes: UnsafeMutableBufferPointer<UInt8>
  let isFile: Bool

  /// Maps `count` > 0 bytes.
  ///
  /// Throws `DatasetError.cacheFull` or `.cacheUnusable`; the file's space is allocated at once, because a mapped file
  /// that outgrows the disk later would end the process.
  init(count: Int, memoryLimit: Int, folder: String) throws(DatasetError) {
    isFile = count > memoryLimit
    var descriptor: Int32 = -1
    if isFile { descriptor = try Self.unlinkedFile(count: count, folder: folder) }
    let flags = isFile ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS
    let base = mmap(nil, count, PROT_READ | PROT_WRITE, flags, descriptor, 0)
    let error = errno
    if isFile { close(descriptor) }
    guard let base, base != MAP_FAILED else {
      throw .cacheUnusable(folder: folder, reason: "mmap of \(count) bytes: \(systemMessage(error))")
    }
    bytes = UnsafeMutableBufferPointer(start: base.bindMemory(to: UInt8.self, capacity: count), count: count)
  }

  deinit { munmap(bytes.baseAddress, bytes.count) }

  /// `${XDG_CACHE_HOME:-~/.cache}/gridless`.
  static var defaultFolder: String {
    let environment = ProcessInfo.processInfo.environment
    let cache = environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? "\(NSHomeDirectory())/.cache"
    return "\(cache)/gridless"
  }

  private static func unlinkedFile(count: Int, folder: String) throws(DatasetError) -> Int32 {
    func unusable(_ code: Int32) -> DatasetError {
      .cacheUnusable(folder: folder, reason: systemMessage(code))
    }
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw .cacheUnusable(folder: folder, reason: "the folder cannot be made")
    }
    let available = FreeSpace.bytes(at: folder)
    if let available, count > available { throw .cacheFull(folder: folder, needed: count, available: available) }

    var name = Array("\(folder)/images-XXXXXX".utf8CString)
    let descriptor = mkstemp(&name)
    guard descriptor >= 0 else { throw unusable(errno) }
    unlink(name)
    let code = ftruncate(descriptor, off_t(count)) == 0 ? posix_fallocate(descriptor, 0, off_t(count)) : errno
    guard code == 0 else {
      close(descriptor)
      throw code == ENOSPC ? .cacheFull(folder: folder, needed: count, available: available ?? 0) : unusable(code)
    }
    return descriptor
  }
}

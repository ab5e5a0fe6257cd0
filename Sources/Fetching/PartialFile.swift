import Foundation

/// A file as it comes, `NAME.part` beside the place where it will be, held by one process at a time.
///
/// The lock ends with its process, however that ends. Beside it lies `NAME.part.json`, which tells of what it is a
/// part.
final class PartialFile {
  /// What the bytes are a part of.
  private struct Origin: Codable, Equatable {
    var url: String
    /// The server's name for this state of the file.
    var validator: String
  }

  /// The place of the whole file.
  let place: String
  /// Where the bytes are until then.
  let path: String
  /// How many there are.
  private(set) var count: Int
  private let lock: Lock
  private var note: String { "\(path).json" }

  /// Opens what is there or makes it, and locks it.
  ///
  /// `onWait` is called where another process holds it, before it is waited for.
  init(of place: String, onWait: () throws -> Void) throws {
    (self.place, path) = (place, "\(place).part")
    lock = try Lock(path, flags: O_RDWR | O_CREAT, onWait: onWait)
    var status = stat()
    guard fstat(lock.descriptor, &status) == 0 else {
      throw FetchError.unusable(path: path, operation: "look at it", code: errno)
    }
    count = Int(status.st_size)
  }

  /// What the server called the file whose part this is; nil where that is not known.
  func validator(of url: URL) -> String? {
    let origin = FileManager.default.contents(atPath: note).flatMap { try? JSONDecoder().decode(Origin.self, from: $0) }
    return origin?.url == url.absoluteString ? origin?.validator : nil
  }

  /// Begins anew, with a file that the server calls so.
  func clear(_ validator: String? = nil, of url: URL) throws {
    unlink(note)
    guard ftruncate(lock.descriptor, 0) == 0 else { throw failure("empty it") }
    count = 0
    if let validator {
      let data = try JSONEncoder().encode(Origin(url: url.absoluteString, validator: validator))
      do { try data.write(to: URL(fileURLWithPath: note)) } catch { throw failure("write \(note)") }
    }
  }

  /// Writes what comes next.
  func append(_ data: Data) throws {
    try data.withUnsafeBytes { bytes in
      var rest = bytes[...]
      while let start = UnsafeRawBufferPointer(rebasing: rest).baseAddress, !rest.isEmpty {
        let written = pwrite(lock.descriptor, start, rest.count, off_t(count))
        if written < 0 && errno == EINTR { continue }
        guard written > 0 else { throw failure("write") }
        rest = rest.dropFirst(written)
        count += written
      }
    }
  }

  /// Gives the whole file its name, on the disk.
  func finish() throws {
    guard fsync(lock.descriptor) == 0 else { throw failure("sync") }
    guard rename(path, place) == 0 else { throw failure("rename it to \(place)") }
    unlink(note)
    syncFolder(of: place)
  }

  /// Removes it.
  func remove() {
    unlink(note)
    unlink(path)
  }

  private func failure(_ operation: String) -> FetchError { .unusable(path: path, operation: operation, code: errno) }
}

/// An open file or folder that no other process has locked; `flock` ends with the processes that have it open.
final class Lock {
  let descriptor: Int32

  /// Opens and locks what lies at a path, a file or, by `flags`, a folder; either is made where it is missing.
  ///
  /// `onWait` is called where another process holds it, before it is waited for.
  init(_ path: String, flags: Int32, onWait: () throws -> Void) throws {
    func failure(_ operation: String) -> FetchError { .unusable(path: path, operation: operation, code: errno) }
    while true {
      if flags & O_DIRECTORY != 0 { try makeFolder(path) }
      let descriptor = open(path, flags | O_CLOEXEC, 0o666)
      guard descriptor >= 0 else { throw failure("open") }
      do {
        if flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
          guard errno == EWOULDBLOCK else { throw failure("lock") }
          try onWait()
          while flock(descriptor, LOCK_EX) != 0 { guard errno == EINTR else { throw failure("lock") } }
        }
      } catch {
        close(descriptor)
        throw error
      }
      // Who held it may have renamed or removed it; then this is the lock of something that no longer lies here.
      var (opened, found) = (stat(), stat())
      if fstat(descriptor, &opened) == 0, stat(path, &found) == 0,
        (found.st_dev, found.st_ino) == (opened.st_dev, opened.st_ino)
      {
        self.descriptor = descriptor
        return
      }
      close(descriptor)
    }
  }

  deinit { close(descriptor) }
}

/// Makes a folder, with those above it.
func makeFolder(_ path: String) throws(FetchError) {
  do {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  } catch {
    throw .unusable(path: path, operation: "make this folder", code: errno)
  }
}

/// Forces a folder's entries to disk; some file systems cannot, and what was renamed is there all the same.
func syncFolder(of path: String) {
  let descriptor = open(URL(fileURLWithPath: path).deletingLastPathComponent().path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
  guard descriptor >= 0 else { return }
  fsync(descriptor)
  close(descriptor)
}

import Foundation

/// How much a file system still takes.
package enum FreeSpace {
  /// The free bytes where `path` lies; nil where the system does not tell.
  package static func bytes(at path: String) -> Int? {
    var status = statvfs()
    return statvfs(path, &status) == 0 ? bytes(of: status) : nil
  }

  /// The free bytes, as far as they fit an `Int`; nil for a file system that tells no sizes, as some network ones do.
  package static func bytes(of status: statvfs) -> Int? {
    guard status.f_blocks > 0 else { return nil }
    let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
    return overflow ? Int.max : Int(clamping: bytes)
  }
}

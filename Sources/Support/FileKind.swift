import Foundation

/// What lies at a path, symbolic links followed.
package enum FileKind {
  case folder
  case file
  case other
  case missing

  package init(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      self = .missing
      return
    }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: self = .folder
    case S_IFREG: self = .file
    default: self = .other
    }
  }
}

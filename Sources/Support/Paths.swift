/// The path of the folder that a path's last part lies in: "" where it has one part only.
///
/// Slashes at the end do not count. It is what Foundation's `NSString.deletingLastPathComponent` is meant to give,
/// which ends the process where that part is one character of a relative path (Swift 6.3 on Linux).
package func parentFolder(of path: String) -> String {
  func withoutEnd(_ part: Substring) -> Substring {
    guard let last = part.lastIndex(where: { $0 != "/" }) else { return "" }
    return part[...last]
  }
  let whole = withoutEnd(path[...])
  guard let slash = whole.lastIndex(of: "/") else { return whole.isEmpty && !path.isEmpty ? "/" : "" }
  let folder = withoutEnd(whole[..<slash])
  return folder.isEmpty ? "/" : String(folder)
}

/// The path of the file `name` in the folder that a path's last part lies in; relative where the path is.
package func sibling(_ name: String, of path: String) -> String {
  let folder = parentFolder(of: path)
  return folder.isEmpty ? name : folder == "/" ? "/\(name)" : "\(folder)/\(name)"
}

/// A path without slashes at the end; "/" stays.
package func withoutTrailingSlashes(_ path: String) -> String {
  var path = path
  while path.count > 1, path.hasSuffix("/") { path.removeLast() }
  return path
}

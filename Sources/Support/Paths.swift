/// The path of the folder that a path's last part lies in: "" where it has one part only.
///
/// Slashes at the end do not count. What Foundation's `NSString.deletingLastPathComponent` is meant to give, which ends the process where that part is one
/// character of a relative path (Swift 6.3 on Linux).
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

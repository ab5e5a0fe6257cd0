import Support
import Testing

@Suite struct PathsTests {
  /// As POSIX's dirname, but "" in place of ".".
  @Test(arguments: [
    ("e", ""), ("e/", ""), ("é", ""), ("", ""), ("ab", ""), (".", ""), ("/", "/"), ("//", "/"), ("/e", "/"),
    ("/e//", "/"),
    ("//e", "/"), ("e/f", "e"), ("e//f/", "e"), ("ab/c/d", "ab/c"), ("/ab/c", "/ab"), ("./e", "."), ("../e", ".."),
  ])
  func theFolderOfAPath(path: String, expected: String) { #expect(parentFolder(of: path) == expected) }
}

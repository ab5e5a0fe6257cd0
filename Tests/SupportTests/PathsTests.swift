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

  @Test(arguments: [
    ("e", "f"), ("d/e", "d/f"), ("d/e/", "d/f"), ("/e", "/f"), ("/d/e", "/d/f"), ("../e", "../f"),
  ])
  func theFileBesideAPath(path: String, expected: String) { #expect(sibling("f", of: path) == expected) }

  @Test(arguments: [("e", "e"), ("e//", "e"), ("/", "/"), ("//", "/"), ("/e/", "/e"), ("", "")])
  func slashesAtTheEnd(path: String, expected: String) { #expect(withoutTrailingSlashes(path) == expected) }
}

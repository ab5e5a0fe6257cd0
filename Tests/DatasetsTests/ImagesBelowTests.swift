import Datasets
import Foundation
import Testing

@Suite struct ImagesBelowTests {
  @Test func areThoseOfAClassFolder() throws {
    let scratch = try Scratch()
    try scratch.writeImages(
      "a/b/2.jpg", "a/b/10.JPEG", "a/b/.hidden.jpg", "a/b/.folder/1.jpg", "a/b/deep/er/x.webp", "a/b/Z.png", "c/1.jpg")
    try scratch.write("a/b/notes.txt", "")
    try FileManager.default.createSymbolicLink(
      atPath: "\(scratch.path)/a/b/deep/again", withDestinationPath: "\(scratch.path)/a/b")
    let expected = ["10.JPEG", "2.jpg", "Z.png", "deep/er/x.webp"].map { "\(scratch.path)/a/b/\($0)" }
    for name in ["a/b", "a/b/", "a/b//"] { #expect(try Dataset.images(below: scratch.path(of: name)) == expected) }
    let ofTheClass = try Dataset.open(scratch.path).files(.train).filter { $0.hasSuffix(" = a") }
    #expect(ofTheClass == ["a/b/10.JPEG = a", "a/b/2.jpg = a", "a/b/Z.png = a", "a/b/deep/er/x.webp = a"])
  }

  @Test func noneIsNotNoFolder() throws {
    let scratch = try Scratch(["notes.txt": "", "none/notes.txt": ""])
    #expect(try Dataset.images(below: scratch.path(of: "none"))?.isEmpty == true)
    for name in ["notes.txt", "gone"] { #expect(try Dataset.images(below: scratch.path(of: name)) == nil) }
  }
}

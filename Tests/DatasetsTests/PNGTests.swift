import Datasets
import Foundation
import Testing

/// Pictures as PNG files.
@Suite struct PNGTests {
  @Test(arguments: [(1, 1), (7, 3), (64, 65)]) func whatIsWrittenIsRead(_ height: Int, _ width: Int) throws {
    let pixels = (0..<3 * height * width).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
    let image = RGBImage(height: height, width: width, pixels: pixels)
    let file = FileManager.default.temporaryDirectory.appending(path: "png-\(UUID().uuidString).png")
    defer { try? FileManager.default.removeItem(at: file) }
    let bytes = try #require(image.png())
    try Data(bytes).write(to: file)
    #expect(try RGBImage.decode(path: file.path) == image)
    #expect(image.png() == bytes)
  }

  @Test func aPictureWithoutPixelsIsNone() {
    #expect(RGBImage(height: 0, width: 4, pixels: []).png() == nil)
  }
}

import Datasets
import Foundation
import Testing

@Suite struct PreprocessingTests {
  @Test("resizes as Pillow, bit for bit", arguments: Golden.index.resized)
  func resizing(_ expected: Golden.Pixels) throws {
    let image = try RGBImage.decode(path: Golden.path(expected.file))
    let resized = image.resized(height: expected.height, width: expected.width)
    #expect(Golden.difference(resized, expected) == 0)
  }

  @Test("equals torchvision's resize, centre crop and normalization", arguments: Golden.index.inputs)
  func input(_ expected: Golden.Input) throws {
    let image = try RGBImage.decode(path: Golden.path(expected.file))
    let values = try expected.preprocessing.apply(image)
    let size = expected.preprocessing.size
    #expect(values.count == 3 * size * size)
    let worst = values.enumerated().map { i, value in
      let at = expected.offset + 4 * i
      let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(Golden.bytes[at + $1]) << (8 * UInt32($1)) }
      return abs(value - Float(bitPattern: bits)) / max(1, abs(value))
    }.max()
    #expect(try #require(worst) <= 1e-6)
  }

  @Test func resizeSizeIsThePublishedProportion() {
    #expect([224, 128, 32, 8].map { Preprocessing(size: $0).resizeSize } == [256, 146, 37, 9])
  }

  @Test func survivesJSON() throws {
    let original = Preprocessing(
      size: 20, resize: .shortest, channelOrder: .bgr, scale: 1, mean: [1, 2, 3], std: [4, 5, 6])
    let json = try JSONEncoder().encode(original)
    #expect(try JSONDecoder().decode(Preprocessing.self, from: json) == original)
    #expect(String(decoding: json, as: UTF8.self).contains("\"channelOrder\":\"bgr\""))
  }

  @Test func numbersThatMakeNoSenseAreRefused() {
    let image = RGBImage(height: 1, width: 1, pixels: [1, 2, 3])
    for bad in [
      Preprocessing(size: 0), Preprocessing(size: 32, resizeSize: 31), Preprocessing(size: 8, mean: [0.5]),
      Preprocessing(size: 8, std: [1, 1, 0]), Preprocessing(size: 8, scale: .nan),
    ] {
      #expect(throws: DatasetError.self) { try bad.apply(image) }
    }
  }

  @Test func anImageTooThinForItsShapeToBeKeptIsRefused() {
    let thread = RGBImage(height: 1, width: 60_000, pixels: Array(repeating: 7, count: 180_000))
    #expect(throws: DatasetError.self) { try Preprocessing(size: 64, resize: .shortest).apply(thread) }
    #expect(throws: Never.self) { try Preprocessing(size: 64, resize: .square).apply(thread) }
  }

  @Test func centerCropRoundsHalfToEven() {
    // int(round(x / 2.0)) in Python for x = 1, 3, 5, 4: 0, 2, 2, 2.
    #expect([9, 11, 13, 12].map { Crop.center(height: $0, width: 8, size: 8).top } == [0, 2, 2, 2])
  }
}

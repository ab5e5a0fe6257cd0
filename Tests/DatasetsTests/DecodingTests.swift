import Datasets
import Foundation
import Testing

@Suite struct DecodingTests {
  @Test func goldenFilesArePresent() throws {
    #expect(Golden.index.decoded.count == 46)
    let worst = try Golden.index.decoded.map { expected in
      Golden.difference(try RGBImage.decode(path: Golden.path(expected.file)), expected)
    }.max()
    print("largest difference from Pillow's decoding: \(worst ?? 256) grey levels")
  }

  @Test("equals Pillow's pixels", arguments: Golden.index.decoded)
  func equalsPillow(_ expected: Golden.Pixels) throws {
    let image = try RGBImage.decode(path: Golden.path(expected.file))
    let difference = Golden.difference(image, expected)
    // PNG and lossless WebP leave no freedom; JPEG and lossy WebP decoders may differ by a rounding.
    let isLossy = expected.file.hasSuffix(".jpg") || expected.file.hasPrefix("lossy")
    #expect(difference <= (isLossy ? 1 : 0))
  }

  /// All orientations in PNG and WebP, and odd ways of storing them (`make_turned.py`).
  @Test func orientationsOfPNGAndWebPAreApplied() throws {
    let json = try Data(contentsOf: URL(fileURLWithPath: Golden.path("../turned/expected.json")))
    let expected = try JSONDecoder().decode([String: String].self, from: json)
    #expect(expected.count == 25)
    for (name, plain) in expected {
      let image = try RGBImage.decode(path: Golden.path("../turned/\(name)"))
      let other = try RGBImage.decode(path: Golden.path("../turned/\(plain)"))
      #expect(image == other, "\(name)")
    }
    // It throws where the size that is told without decoding is another.
    let examples = expected.keys.sorted().map { Example(source: .file(Golden.path("../turned/\($0)")), label: 0) }
    let preprocessing = Preprocessing(size: 4, resizeSize: 4, resize: .shortest)
    #expect(try ImageStore(examples, preprocessing: preprocessing).count == 25)
  }

  @Test("every shortened file is an error", arguments: ["rgb_420.jpg", "progressive.jpg", "gray8.png", "lossy.webp"])
  func truncation(_ file: String) throws {
    let scratch = try Scratch()
    let whole = try Golden.contents(file)
    // The last bytes may be padding or an end marker without which nothing is missing.
    for length in stride(from: 3, through: whole.count - 16, by: 23) {
      try scratch.write("short", Array(whole[..<length]))
      #expect(throws: DatasetError.self, "\(length) of \(whole.count) bytes") {
        try RGBImage.decode(path: "\(scratch.path)/short")
      }
    }
  }

  @Test func messagesNameTheFileTheFindingAndTheRemedy() throws {
    let scratch = try Scratch()
    let jpeg = try Golden.contents("rgb_420.jpg")
    let cases: [(name: String, bytes: [UInt8], reason: String)] = [
      ("text.jpg", Array("hello, wörld\n".utf8), "not an image (found text; expected JPEG, PNG or WebP)"),
      ("empty.png", [], "empty file (0 bytes)"),
      ("animation.png", Array("GIF89a".utf8), "not an image (found GIF; expected JPEG, PNG or WebP)"),
      ("noise.webp", [0, 1, 2, 3], "not an image (found unknown data; expected JPEG, PNG or WebP)"),
      ("cut.jpg", Array(jpeg[..<(jpeg.count / 2)]), "JPEG is truncated or corrupt (Premature end of JPEG file)"),
    ]
    for (name, bytes, reason) in cases {
      try scratch.write(name, bytes)
      let path = "\(scratch.path)/\(name)"
      let error = #expect(throws: DatasetError.self) { try RGBImage.decode(path: path) }
      #expect(error == .unreadable(path: path, reason: reason))
      #expect(error?.description == "\(path): \(reason). Remove it, or pass --skip-unreadable.")
    }
    let missing = #expect(throws: DatasetError.self) { try RGBImage.decode(path: "\(scratch.path)/none.jpg") }
    #expect(missing?.description.contains("none.jpg: No such file or directory.") == true)
  }

  /// A header that claims 30000 × 30000 pixels, in each format.
  @Test func hugeImagesAreRefusedBeforeAllocation() throws {
    let scratch = try Scratch()
    var png = try Golden.contents("rgb.png")
    png.replaceSubrange(16..<24, with: [0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30])
    png.replaceSubrange(29..<33, with: crc32(png[12..<29]))
    var jpeg = try Golden.contents("rgb_420.jpg")
    let frame = try #require(jpeg.indices.first { jpeg[$0...].starts(with: [0xFF, 0xC0]) })
    jpeg.replaceSubrange(frame + 5..<frame + 9, with: [0x75, 0x30, 0x75, 0x30])
    for (name, bytes) in [("huge.png", png), ("huge.jpg", jpeg)] {
      try scratch.write(name, bytes)
      let error = #expect(throws: DatasetError.self) { try RGBImage.decode(path: "\(scratch.path)/\(name)") }
      #expect(error?.description.contains("30000 x 30000 pixels (expected 1 to 178956970") == true)
    }
  }

  /// Damage anywhere must end in an image or an error, never in a crash.
  @Test(
    "survives damage",
    arguments: [
      "exif_6.jpg", "cmyk.jpg", "palette4_interlaced.png", "lossless_alpha.webp",
      "../turned/behind.png", "../turned/odd.webp",
    ])
  func damage(_ file: String) throws {
    let scratch = try Scratch()
    let whole = try Golden.contents(file)
    var state: UInt64 = 1
    for _ in 0..<200 {
      var bytes = whole
      for _ in 0..<3 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 25)
      }
      try scratch.write("damaged", bytes)
      let image = try? RGBImage.decode(path: "\(scratch.path)/damaged")
      #expect(image.map { $0.pixels.count == 3 * $0.height * $0.width } ?? true)
    }
  }

  /// The checksum of a PNG chunk (PNG specification, annex D).
  private func crc32(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    var crc: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
    return (0..<4).map { UInt8(truncatingIfNeeded: ~crc >> (24 - 8 * UInt32($0))) }
  }
}

import CImageCodecs
import Foundation

/// A decoded image: 8-bit RGB, interleaved, rows from top to bottom.
public struct RGBImage: Equatable, Sendable {
  /// In pixels.
  public let height: Int
  /// In pixels.
  public let width: Int
  /// `[height, width, 3]`, contiguous.
  public let pixels: [UInt8]

  /// Wraps pixels of shape `[height, width, 3]`.
  public init(height: Int, width: Int, pixels: [UInt8]) {
    precondition(pixels.count == 3 * height * width, "expected 3 × \(height) × \(width) bytes, found \(pixels.count)")
    (self.height, self.width, self.pixels) = (height, width, pixels)
  }

  /// Decodes a JPEG, PNG or WebP file, told apart by the first bytes and never by the name.
  ///
  /// The EXIF orientation is applied. Gray, CMYK and palette images become RGB as by Pillow's `convert("RGB")`;
  /// alpha is dropped, not composited; of 16-bit samples the high byte is kept.
  /// Pixel data that ends too early is an error. Throws `DatasetError.unreadable`.
  public static func decode(path: String) throws(DatasetError) -> RGBImage {
    let bytes = try readFile(path)
    return try decode(bytes, name: path)
  }

  /// Decodes the bytes of a file; `name` is for the error message.
  static func decode(_ bytes: [UInt8], name: String) throws(DatasetError) -> RGBImage {
    var image = try codec(image_codecs_decode, bytes, name: name)
    defer { image_codecs_free(&image) }
    let pixels = UnsafeBufferPointer(start: image.pixels, count: 3 * Int(image.width) * Int(image.height))
    return RGBImage(height: Int(image.height), width: Int(image.width), pixels: Array(pixels))
  }

  /// The size that the decoded image will have; no pixels are decoded.
  static func size(of bytes: [UInt8], name: String) throws(DatasetError) -> (height: Int, width: Int) {
    let image = try codec(image_codecs_probe, bytes, name: name)
    return (Int(image.height), Int(image.width))
  }

  private typealias Codec = (
    UnsafePointer<UInt8>?, Int, UnsafeMutablePointer<image_codecs_image>?, UnsafeMutablePointer<CChar>?, Int
  ) -> Int32

  private static func codec(_ run: Codec, _ bytes: [UInt8], name: String) throws(DatasetError) -> image_codecs_image {
    var image = image_codecs_image()
    var message = [CChar](repeating: 0, count: 512)
    guard run(bytes, bytes.count, &image, &message, message.count) == 0 else {
      let text = message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
      throw .unreadable(path: name, reason: String(decoding: text, as: UTF8.self))
    }
    return image
  }
}

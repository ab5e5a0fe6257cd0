import CImageCodecs

extension RGBImage {
  /// The image as the bytes of a PNG file, 8-bit RGB without metadata; the same bytes for the same pixels.
  ///
  /// Nil for an image without pixels, and where memory is short.
  package func png() -> [UInt8]? {
    guard width > 0, height > 0 else { return nil }
    var buffer = image_codecs_buffer()
    guard image_codecs_encode_png(pixels, UInt32(width), UInt32(height), &buffer) == 0 else { return nil }
    defer { image_codecs_free_buffer(&buffer) }
    return Array(UnsafeBufferPointer(start: buffer.bytes, count: buffer.size))
  }
}

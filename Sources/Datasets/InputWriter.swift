/// Writes a crop of an image as a network's input: channels in order, normalized.
struct InputWriter: Sendable {
  private let size: Int
  /// Where the network's first, second and third channel lie within a pixel.
  private let channels: (Int, Int, Int)
  /// `[3, 256]`: the normalized value of each grey level, per channel of the network.
  let table: [Float]

  init(_ preprocessing: Preprocessing) {
    size = preprocessing.size
    channels = preprocessing.channelOrder == .rgb ? (0, 1, 2) : (2, 1, 0)
    table = zip(preprocessing.mean, preprocessing.std).flatMap { mean, std in
      (0...255).map { Float((Double($0) / preprocessing.scale - mean) / std) }
    }
  }

  /// The number of values an input holds.
  var count: Int { 3 * size * size }

  /// Writes `[size, size, 3]` values; `pixels` holds `[height, width, 3]` bytes.
  func write(_ pixels: UnsafePointer<UInt8>, width: Int, crop: Crop, to output: UnsafeMutablePointer<Float>) {
    let step = crop.mirrored ? -3 : 3
    let first = 3 * (crop.left + (crop.mirrored ? size - 1 : 0))
    table.withUnsafeBufferPointer { table in
      var to = output
      for row in crop.top..<crop.top + size {
        var from = pixels + (3 * row * width + first)
        for _ in 0..<size {
          to[0] = table[Int(from[channels.0])]
          to[1] = table[256 + Int(from[channels.1])]
          to[2] = table[512 + Int(from[channels.2])]
          to += 3
          from += step
        }
      }
    }
  }
}

extension Preprocessing {
  /// Turns one image into a network's input of shape `[size, size, 3]`: resized, centre crop, normalized.
  ///
  /// The same code as `ImageStore` without augmentation. Throws `DatasetError.invalidPreprocessing`, or `.unreadable`
  /// if the image is too narrow to be resized with its shape kept.
  public func apply(_ image: RGBImage) throws(DatasetError) -> [Float] {
    try validate()
    let resized = try resized(image, name: "image")
    let crop = Crop.center(height: resized.height, width: resized.width, size: size)
    let writer = InputWriter(self)
    var output = [Float](repeating: 0, count: writer.count)
    resized.pixels.withUnsafeBufferPointer { pixels in
      output.withUnsafeMutableBufferPointer { output in
        guard let from = pixels.baseAddress, let to = output.baseAddress else { return }
        writer.write(from, width: resized.width, crop: crop, to: to)
      }
    }
    return output
  }
}

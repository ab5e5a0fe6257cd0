/// Bilinear resampling with antialiasing, bit for bit as Pillow's `Image.resize(size, BILINEAR)` up to version 12.
///
/// Each output pixel is a triangle-weighted mean of the input pixels within one output pixel's width of its centre
/// (within one input pixel when enlarging). First along rows, then along columns, each pass rounded to 8 bits, weights
/// in fixed point with 22 fractional bits. (Pillow 13 takes the columns first for some shapes: then one grey level
/// apart.)
enum Resampling {
  private static let fractionBits = 32 - 8 - 2

  /// The weights of one output position: `weights[first...]` apply to the inputs from `start`.
  private struct Taps {
    let start: [Int]
    let count: [Int]
    /// `[output, width]`, unused places zero.
    let weights: [Int32]
    let width: Int

    init(input: Int, output: Int) {
      let scale = Double(input) / Double(output)
      let support = max(scale, 1)
      width = Int(support.rounded(.up)) * 2 + 1
      var start = [Int](repeating: 0, count: output)
      var count = start
      var weights = [Int32](repeating: 0, count: output * width)
      for position in 0..<output {
        let center = (Double(position) + 0.5) * scale
        let low = max(Int(center - support + 0.5), 0)
        let high = min(Int(center + support + 0.5), input)
        let triangle = (low..<high).map { max(1 - abs((Double($0) - center + 0.5) * (1 / support)), 0) }
        let sum = triangle.reduce(0, +)
        for (tap, weight) in triangle.enumerated() {
          weights[position * width + tap] = Int32(weight / sum * Double(1 << fractionBits) + 0.5)
        }
        start[position] = low
        count[position] = high - low
      }
      (self.start, self.count, self.weights) = (start, count, weights)
    }
  }

  /// Resizes an RGB image; a side that keeps its length is left as it is.
  static func resize(_ image: RGBImage, height: Int, width: Int) -> RGBImage {
    var image = image
    if width != image.width { image = alongRows(image, width: width) }
    if height != image.height { image = alongColumns(image, height: height) }
    return image
  }

  private static func alongRows(_ image: RGBImage, width: Int) -> RGBImage {
    let taps = Taps(input: image.width, output: width)
    let pixels = transform(image.pixels, count: 3 * image.height * width) { from, to in
      taps.weights.withUnsafeBufferPointer { weights in
        for row in 0..<image.height {
          var out = 3 * row * width
          for column in 0..<width {
            var at = 3 * (row * image.width + taps.start[column])
            let first = column * taps.width
            var (red, green, blue) = (half, half, half)
            for tap in first..<first + taps.count[column] {
              let weight = weights[tap]
              red &+= Int32(from[at]) &* weight
              green &+= Int32(from[at + 1]) &* weight
              blue &+= Int32(from[at + 2]) &* weight
              at += 3
            }
            to[out] = rounded(red)
            to[out + 1] = rounded(green)
            to[out + 2] = rounded(blue)
            out += 3
          }
        }
      }
    }
    return RGBImage(height: image.height, width: width, pixels: pixels)
  }

  private static func alongColumns(_ image: RGBImage, height: Int) -> RGBImage {
    let taps = Taps(input: image.height, output: height)
    let stride = 3 * image.width
    var sums = [Int32](repeating: 0, count: stride)
    let pixels = transform(image.pixels, count: height * stride) { from, to in
      sums.withUnsafeMutableBufferPointer { sums in
        for row in 0..<height {
          sums.update(repeating: half)
          for tap in 0..<taps.count[row] {
            let weight = taps.weights[row * taps.width + tap]
            let line = UnsafeBufferPointer(rebasing: from[(taps.start[row] + tap) * stride..<from.count])
            for i in 0..<stride { sums[i] &+= Int32(line[i]) &* weight }
          }
          let line = UnsafeMutableBufferPointer(rebasing: to[row * stride..<(row + 1) * stride])
          for i in 0..<stride { line[i] = rounded(sums[i]) }
        }
      }
    }
    return RGBImage(height: height, width: image.width, pixels: pixels)
  }

  private static let half: Int32 = 1 << (fractionBits - 1)

  private static func rounded(_ sum: Int32) -> UInt8 { UInt8(clamping: sum >> Int32(fractionBits)) }

  private static func transform(
    _ pixels: [UInt8], count: Int, _ body: (UnsafeBufferPointer<UInt8>, UnsafeMutableBufferPointer<UInt8>) -> Void
  ) -> [UInt8] {
    pixels.withUnsafeBufferPointer { from in
      [UInt8](unsafeUninitializedCapacity: count) { to, filled in
        body(from, UnsafeMutableBufferPointer(rebasing: to[0..<count]))
        filled = count
      }
    }
  }
}

extension RGBImage {
  /// Resizes with antialiased bilinear resampling, equal to Pillow's (see `Resampling`).
  package func resized(height: Int, width: Int) -> RGBImage { Resampling.resize(self, height: height, width: width) }
}

import Datasets

/// A white picture to fill rectangles and write numbers on.
struct Raster {
  /// Red, green and blue.
  typealias Color = (UInt8, UInt8, UInt8)

  private let width: Int
  private let height: Int
  private var pixels: [UInt8]

  /// A white picture.
  init(width: Int, height: Int) {
    (self.width, self.height) = (width, height)
    pixels = Array(repeating: 255, count: 3 * width * height)
  }

  /// The picture.
  var image: RGBImage { RGBImage(height: height, width: width, pixels: pixels) }

  /// Fills a rectangle; what lies outside the picture is left out.
  mutating func fill(_ x: Int, _ y: Int, _ columns: Int, _ rows: Int, _ color: Color) {
    for row in max(y, 0)..<max(min(y + rows, height), max(y, 0)) {
      for column in max(x, 0)..<max(min(x + columns, width), max(x, 0)) {
        let at = 3 * (row * width + column)
        (pixels[at], pixels[at + 1], pixels[at + 2]) = color
      }
    }
  }

  /// The width of a number's text.
  func width(of text: String) -> Int { 8 * text.count - 2 }

  /// Writes digits and points, 10 pixels high, that end at `right`.
  mutating func text(_ text: String, right: Int, top: Int, _ color: Color) {
    var x = right - width(of: text)
    for character in text {
      for (row, bits) in (Self.glyphs[character] ?? []).enumerated() {
        for column in 0..<3 where bits >> (2 - column) & 1 == 1 { fill(x + 2 * column, top + 2 * row, 2, 2, color) }
      }
      x += 8
    }
  }

  /// Five rows of three dots each.
  private static let glyphs: [Character: [Int]] = [
    "0": [7, 5, 5, 5, 7], "1": [2, 6, 2, 2, 7], "2": [7, 1, 7, 4, 7], "3": [7, 1, 7, 1, 7], "4": [5, 5, 7, 1, 1],
    "5": [7, 4, 7, 1, 7], "6": [7, 4, 7, 5, 7], "7": [7, 1, 1, 2, 2], "8": [7, 5, 7, 5, 7], "9": [7, 5, 7, 1, 7],
    ".": [0, 0, 0, 0, 2],
  ]
}

import Datasets

/// A reliability diagram as an image: the accuracy of each confidence's interval, beside the line on which it would
/// equal the confidence.
///
/// Blue bars are accuracies, with a mark at the mean confidence; grey ones below tell how many examples an interval
/// has.
struct ReliabilityImage {
  /// The picture.
  let image: RGBImage

  /// Draws bins of equal width from 0 to 1.
  init(_ bins: [ReliabilityBin]) {
    // The plot of 300 × 300 pixels, below it the counts.
    let (left, top, side, gap, below) = (44, 16, 300, 30, 60)
    var raster = Raster(width: left + side + 16, height: top + side + gap + below + 8)
    let bottom = top + side
    for tick in 0...4 {
      let at = side * tick / 4
      raster.fill(left, bottom - at, side, 1, Self.grid)
      raster.fill(left + at, top, 1, side, Self.grid)
      let text = ["0", "0.25", "0.5", "0.75", "1"][tick]
      raster.text(text, right: left - 5, top: bottom - at - 5, Self.ink)
      raster.text(text, right: left + at + raster.width(of: text) / 2, top: bottom + 7, Self.ink)
    }
    let most = max(bins.map(\.count).max() ?? 0, 1)
    for (index, bin) in bins.enumerated() where bin.count > 0 {
      let (start, end) = (left + side * index / bins.count + 1, left + side * (index + 1) / bins.count)
      let height = Int((Double(side) * (bin.accuracy ?? 0)).rounded())
      raster.fill(start, bottom - height, end - start, height, Self.bar)
      raster.fill(start, bottom - height, end - start, 2, Self.ink)
      let count = max(1, below * bin.count / most)
      raster.fill(start, bottom + gap + below - count, end - start, count, Self.count)
    }
    for at in 0..<side where at / 6 % 2 == 0 { raster.fill(left + at, bottom - at - 1, 2, 2, Self.ink) }
    for bin in bins {
      guard let confidence = bin.confidence, let accuracy = bin.accuracy else { continue }
      let (x, y) = (left + Int(Double(side) * confidence), bottom - Int(Double(side) * accuracy))
      raster.fill(x - 3, y - 3, 7, 7, Self.ink)
      raster.fill(x - 2, y - 2, 5, 5, Self.mark)
    }
    raster.fill(left, bottom, side, 1, Self.ink)
    raster.fill(left, top, 1, side, Self.ink)
    raster.fill(left, bottom + gap + below, side, 1, Self.ink)
    image = raster.image
  }

  private static let ink: Raster.Color = (40, 40, 46)
  private static let grid: Raster.Color = (224, 226, 230)
  private static let bar: Raster.Color = (102, 153, 204)
  private static let count: Raster.Color = (150, 152, 158)
  private static let mark: Raster.Color = (238, 153, 51)
}

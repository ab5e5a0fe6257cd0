import Foundation
import Training

/// A chart: what the page's script draws, and whose numbers it offers.
struct Figure: Encodable {
  /// In which way it is drawn.
  enum Kind: String, Encodable {
    case lines, reliability, matrix, bars
  }

  /// An axis.
  struct Axis: Encodable {
    var name: String
    var log: Bool?
    var percent: Bool?
    var min, max: Double?

    init(_ name: String, log: Bool = false, percent: Bool = false, min: Double? = nil, max: Double? = nil) {
      (self.name, self.min, self.max) = (name, min, max)
      (self.log, self.percent) = (log ? true : nil, percent ? true : nil)
    }
  }

  /// A line, or points.
  struct Series: Encodable {
    var name: String
    /// x and y of each point.
    var points: [[Double]]
    /// The spread's ends at each point.
    var low, high: [Double]?
    /// Whether the line keeps its height up to the next point.
    var step: Bool?
    /// Whether the points are not joined.
    var scatter: Bool?
    /// The number of its colour, dashes and marks, where it is not the series' own.
    var look: Int?
  }

  /// A vertical line with words.
  struct Mark: Encodable {
    var x: Double
    var label: String
  }

  /// A bar with its name, and what is said of it besides.
  struct Bar: Encodable {
    var name: String
    var value: Double?
    var note: String
  }

  /// Unique on the page; the CSV file is called so.
  let id: String
  var kind: Kind
  let title: String
  var x, y: Axis?
  var series: [Series]?
  var marks: [Mark]?
  var diagonal: Bool?
  /// What tells the series or bars apart: the CSV's first column.
  var by: String?
  var bins: [ReliabilityBin]?
  var classes: [String]?
  var counts: [[Int]]?
  var bars: [Bar]?

  /// What the figure shows, in words.
  var caption = ""
  /// Whether it takes the page's whole width.
  var isWide = false

  private enum CodingKeys: CodingKey {
    case id, kind, title, x, y, series, marks, diagonal, by, bins, classes, counts, bars
  }

  /// Lines; those without a point are left out, and so are numbers that are not finite, or not positive on a
  /// logarithmic axis.
  static func lines(
    _ id: String, _ title: String, caption: String, x: Axis, y: Axis, _ series: [Series], by: String = "series"
  ) -> Figure {
    var figure = Figure(id: id, kind: .lines, title: title, x: x, y: y, by: by, caption: caption)
    figure.series = series.enumerated().map { index, one in
      var one = one
      one.look = one.look ?? index
      let kept = one.points.indices.filter { place in
        let (px, py) = (one.points[place][0], one.points[place][1])
        return px.isFinite && py.isFinite && (x.log == nil || px > 0) && (y.log == nil || py > 0)
      }
      one.points = kept.map { one.points[$0].map(rounded) }
      one.low = one.low.map { low in kept.map { rounded(low[$0]) } }
      one.high = one.high.map { high in kept.map { rounded(high[$0]) } }
      return one
    }
    .filter { !$0.points.isEmpty }
    return figure
  }

  /// To seven significant digits.
  private static func rounded(_ value: Double) -> Double { Double(String(format: "%.7g", value)) ?? value }
}

extension Figure {
  /// Whether a logarithmic axis suits numbers: all are positive, and far apart.
  static func wantsLog(_ values: some Sequence<Double>, ratio: Double = 20) -> Bool {
    let finite = values.filter(\.isFinite)
    guard let low = finite.min(), let high = finite.max() else { return false }
    return low > 0 && high / low > ratio
  }

  /// The figure with its caption, its legend, its data and its controls.
  func html() throws -> HTML {
    let json = try Self.json(self)
    let legend: HTML = (series?.count ?? 0) > 1 || series?.first?.low != nil ? #"<ul class="legend"></ul>"# : ""
    let chart: HTML =
      kind == .bars
      ? #"<div class="scroller" tabindex="0" role="region" aria-label="\#(title)"><div class="chart" role="img" aria-label="\#(title). \#(caption)"></div></div>"#
      : #"<div class="chart" role="img" aria-label="\#(title). \#(caption)"></div>"#
    return #"""
      <figure data-figure="\#(id)"\#(HTML(trusted: isWide ? " class=\"wide\"" : ""))>
      <figcaption><h3>\#(title)</h3><p>\#(caption)</p></figcaption>
      \#(legend)\#(chart)
      <div class="tools"><details><summary>Numbers</summary><div class="scroll" tabindex="0" role="region" aria-label="Numbers of: \#(title)"></div></details><button type="button" class="csv" aria-label="Download CSV: \#(title)">Download CSV</button></div>
      <script type="application/json">\#(json)</script>
      </figure>
      """#
  }

  /// JSON that may stand in a script element: without the characters that could end it.
  static func json(_ value: some Encodable) throws -> HTML {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let text = String(decoding: try encoder.encode(value), as: UTF8.self)
    let safe = [("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u{2028}", "\\u2028"), ("\u{2029}", "\\u2029")]
    return HTML(trusted: safe.reduce(text) { $0.replacingOccurrences(of: $1.0, with: $1.1) })
  }
}

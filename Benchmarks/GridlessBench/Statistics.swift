import Foundation

/// The middle of repeated measurements, and how far they lie apart.
struct Spread {
  var median, low, high: Double

  init(_ values: [Double]) {
    let sorted = values.sorted()
    guard let first = sorted.first, let last = sorted.last else {
      (median, low, high) = (.nan, .nan, .nan)
      return
    }
    (low, high) = (first, last)
    median = (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }

  /// `median (low–high)`.
  func text(digits: Int) -> String {
    "\(fixed(median, digits)) (\(fixed(low, digits))–\(fixed(high, digits)))"
  }
}

func fixed(_ value: Double, _ digits: Int) -> String {
  value.isFinite ? String(format: "%.\(digits)f", value) : "–"
}

/// A table in Markdown, its columns aligned; the first row is the header.
func markdown(_ rows: [[String]]) -> String {
  let widths = (0..<(rows.first?.count ?? 0)).map { column in rows.map { $0[column].count }.max() ?? 0 }
  func line(_ cells: [String]) -> String {
    "| " + zip(cells, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }.joined(separator: " | ")
      + " |"
  }
  var lines = rows.map(line)
  lines.insert("|" + widths.map { String(repeating: "-", count: $0 + 2) }.joined(separator: "|") + "|", at: 1)
  return lines.joined(separator: "\n")
}

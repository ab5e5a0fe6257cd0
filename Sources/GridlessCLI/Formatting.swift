import Foundation
import Gridless
import Support

/// A number with so many digits behind the point.
func fixed(_ value: Double, digits: Int = 3) -> String { String(format: "%.\(digits)f", value) }

/// A number as 1.8e-05.
func scientific(_ value: Double) -> String { String(format: "%.2e", value) }

/// A number as 1.8e-05, or a dash where there is none.
func scientific(_ value: Double?) -> String { value.map { scientific($0) } ?? "–" }

/// A number with four significant digits.
func significant(_ value: Double) -> String { String(format: "%.4g", value) }

/// A duration in words of at most two units.
func duration(_ seconds: Double) -> String {
  let total = Int(seconds.rounded())
  return switch total {
  case ..<60: "\(fixed(seconds, digits: 1)) s"
  case ..<3600: "\(total / 60) min \(total % 60) s"
  default: "\(total / 3600) h \(total % 3600 / 60) min"
  }
}

/// A split's metrics in one line.
func describe(_ metrics: ClassificationMetrics) -> String {
  let brier = metrics.brier.map { "Brier \(fixed($0))   " } ?? ""
  return
    "accuracy \(fixed(metrics.accuracy))   balanced \(fixed(metrics.balancedAccuracy))   NLL \(fixed(metrics.nll))   "
    + "\(brier)ECE \(fixed(metrics.ece))"
}

/// The metrics of a split of numbers in one line.
func describe(_ metrics: RegressionMetrics) -> String {
  let r2 = metrics.r2.map { "R² \(fixed($0))   " } ?? ""
  return "RMSE \(significant(metrics.rmse))   MAE \(significant(metrics.mae))   \(r2)NLL \(fixed(metrics.nll))"
}

/// A split's reliability curve and the accuracy of each class, as two tables.
func details(_ metrics: ClassificationMetrics) -> String {
  func text(_ value: Double?) -> String { value.map { fixed($0) } ?? "-" }
  let bins = metrics.reliability ?? []
  let curve = bins.enumerated().map { index, bin in
    let edges = [index, index + 1].map { fixed(Double($0) / Double(bins.count)) }
    return [edges.joined(separator: "-"), "\(bin.count)", text(bin.confidence), text(bin.accuracy)]
  }
  let names = metrics.classes ?? []
  let classes = zip(names, metrics.confusion ?? []).map { name, row in
    [name, "\(row.reduce(0, +))", text(metrics.perClassAccuracy?[name] ?? nil)]
  }
  return table([["confidence", "examples", "mean", "accuracy"]] + curve) + "\n\n"
    + table([["class", "examples", "accuracy"]] + classes)
}

/// Rows with their columns aligned, two spaces between them; each is a line, whatever names are in it.
func table(_ rows: [[String]]) -> String {
  let rows = rows.map { $0.map { printable($0).replacingOccurrences(of: "\n", with: "\\u{a}") } }
  let columns = rows.map(\.count).max() ?? 0
  let widths = (0..<columns).map { column in rows.map { $0.indices.contains(column) ? $0[column].count : 0 }.max() ?? 0
  }
  return rows.map { row in
    let cells = row.enumerated().map { index, cell in
      index == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[index] - cell.count)
    }
    return cells.joined(separator: "  ")
  }.joined(separator: "\n")
}

import Foundation

/// Numbers as the page's words have them.
enum Wording {
  /// "84.3 %".
  static func percent(_ value: Double) -> String { String(format: "%.1f", 100 * value) + "\u{202F}%" }

  /// Three decimals.
  static func fixed(_ value: Double, digits: Int = 3) -> String { String(format: "%.\(digits)f", value) }

  /// Three significant digits: 0.0123, 1.2·10⁻⁵.
  static func short(_ value: Double?) -> String {
    guard let value, value.isFinite else { return "–" }
    if value == 0 { return "0" }
    let size = abs(value)
    if size >= 1e-3 && size < 1e6 {
      let digits = max(0, 2 - Int(floor(log10(size))))
      return grouped(value, digits: digits)
    }
    let power = Int(floor(log10(size) + 1e-12))
    return String(format: "%.2f", value / pow(10, Double(power))) + "·10" + superscript(power)
  }

  /// "1,797".
  static func count(_ value: Int) -> String { grouped(Double(value), digits: 0) }

  /// "1,797 images", "1 image".
  static func count(_ value: Int, _ noun: String) -> String { "\(count(value)) \(noun)\(value == 1 ? "" : "s")" }

  /// "2 h 5 min".
  static func duration(_ seconds: Double) -> String {
    let total = Int(seconds.rounded())
    let words =
      switch total {
      case ..<60: String(format: "%.1f s", seconds)
      case ..<3600: "\(total / 60) min \(total % 60) s"
      case ..<360_000: "\(total / 3600) h \(total % 3600 / 60) min"
      default: "\(count(total / 3600)) h"
      }
    // A number stays with its unit.
    return words.replacingOccurrences(of: " ", with: "\u{00A0}")
  }

  /// "23×", "1.4×".
  static func times(_ ratio: Double) -> String {
    (ratio >= 10 ? fixed(ratio, digits: 0) : fixed(ratio, digits: 1)) + "×"
  }

  private static func grouped(_ value: Double, digits: Int) -> String {
    let parts = String(format: "%.\(digits)f", abs(value)).split(separator: ".").map(String.init)
    var whole = parts[0]
    var at = whole.count - 3
    while at > 0 {
      whole.insert(",", at: whole.index(whole.startIndex, offsetBy: at))
      at -= 3
    }
    return (value < 0 ? "−" : "") + whole + (parts.count > 1 ? "." + parts[1] : "")
  }

  private static func superscript(_ number: Int) -> String {
    let digits: [Character] = ["⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"]
    return (number < 0 ? "⁻" : "") + String("\(abs(number))".compactMap(\.wholeNumberValue).map { digits[$0] })
  }
}

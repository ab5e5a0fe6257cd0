/// A piece of a page.
///
/// Literal text is markup; every text that is interpolated is escaped, other pieces are not.
struct HTML: ExpressibleByStringInterpolation, Sendable {
  /// The markup.
  let markup: String

  init(stringLiteral value: String) { markup = value }
  init(stringInterpolation: Interpolation) { markup = stringInterpolation.markup }

  /// Markup as it is, of which the caller knows that it is markup.
  init(trusted markup: String) { self.markup = markup }

  /// Pieces one after the other, each on lines of its own.
  init(_ pieces: [HTML]) { markup = pieces.map(\.markup).joined(separator: "\n") }

  /// How `"…\(text)…"` becomes markup.
  struct Interpolation: StringInterpolationProtocol {
    fileprivate var markup = ""

    init(literalCapacity: Int, interpolationCount: Int) { markup.reserveCapacity(literalCapacity) }

    mutating func appendLiteral(_ literal: String) { markup += literal }
    mutating func appendInterpolation(_ text: String) { markup += HTML.escape(text) }
    mutating func appendInterpolation(_ number: Int) { markup += "\(number)" }
    mutating func appendInterpolation(_ piece: HTML) { markup += piece.markup }
    mutating func appendInterpolation(_ pieces: [HTML]) { markup += HTML(pieces).markup }
  }

  /// The text with what HTML gives a meaning to written as character references; safe in attributes, too.
  static func escape(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      // XML and HTML have no control characters but these.
      case "\t", "\n", "\r": result.unicodeScalars.append(scalar)
      case _ where scalar.value < 32 || scalar.value == 127: result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

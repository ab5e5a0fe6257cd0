import Foundation

/// What the tokenizer takes of Unicode, as Hugging Face's `tokenizers` does.
///
/// The reference's categories are those of Unicode 8 and its decompositions those of Unicode 9. So scalars that were
/// assigned later have none here, the few whose category changed since are listed, and newer tables of Swift's change
/// no token.
enum UnicodeRules {
  /// Whether a scalar is dropped: NUL, the replacement character, and controls, formats and private use, but for tab
  /// and line ends.
  static func isDropped(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "\t", "\n", "\r": return false
    case "\0", "\u{FFFD}": return true
    default:
      switch category(scalar) {
      case .control, .format, .privateUse: return true
      default: return false
      }
    }
  }

  /// Whether a scalar separates words: Unicode's property White_Space.
  static func isSpace(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.isWhitespace }

  /// Whether a scalar is a word of its own: every ASCII symbol, and Unicode's categories P.
  static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 33...47, 58...64, 91...96, 123...126: return true
    case ..<128: return false
    default:
      switch category(scalar) {
      case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
        .finalPunctuation, .otherPunctuation:
        return true
      default: return false
      }
    }
  }

  /// Whether a scalar is an accent, which is removed: category Mn.
  static func isAccent(_ scalar: Unicode.Scalar) -> Bool { category(scalar) == .nonspacingMark }

  /// Whether a scalar is set off by spaces: the blocks of Chinese characters, which BERT's authors list.
  static func isChinese(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F, 0x2B920...0x2CEAF,
      0xF900...0xFAFF, 0x2F800...0x2FA1F:
      return true
    default: return false
    }
  }

  /// The canonical decomposition, its marks in canonical order (NFD).
  static func decomposed(_ text: String) -> String {
    var result = ""
    var run = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      guard let age = scalar.properties.age, age > (9, 0) else {
        run.append(scalar)
        continue
      }
      // Marks do not move across a scalar that the reference does not know.
      result += String(run).decomposedStringWithCanonicalMapping
      result.unicodeScalars.append(scalar)
      run = String.UnicodeScalarView()
    }
    return result + String(run).decomposedStringWithCanonicalMapping
  }

  /// The scalar in lower case, whatever stands around it.
  static func lowercase(_ scalar: Unicode.Scalar) -> String { scalar.properties.lowercaseMapping }

  private static func category(_ scalar: Unicode.Scalar) -> Unicode.GeneralCategory {
    guard let age = scalar.properties.age, age <= (8, 0) else { return .unassigned }
    return changedSince[scalar.value] ?? scalar.properties.generalCategory
  }

  /// The categories in Unicode 8 of those scalars that are dropped or split off by them, or no more.
  private static let changedSince: [UInt32: Unicode.GeneralCategory] = [
    0x166D: .otherPunctuation, 0x111C9: .otherPunctuation, 0x1734: .nonspacingMark, 0x1171E: .nonspacingMark,
    0x1885: .otherLetter, 0x1886: .otherLetter, 0xA9BD: .spacingMark,
  ]
}

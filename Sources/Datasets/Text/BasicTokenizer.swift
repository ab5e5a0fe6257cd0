/// Splits a text into words as BERT's uncased models do, before their vocabulary is looked at.
///
/// Control characters are dropped, Chinese characters set off by spaces, accents stripped (canonical decomposition,
/// without the marks of category Mn) and letters put in lower case; then words end at spaces, and every punctuation
/// mark is a word. These are the rules of Devlin et al.'s `tokenization.py`, in the form of Hugging Face's `tokenizers`
/// (`BertNormalizer` and `BertPreTokenizer`); `WordPieceTests` compares every code point with the latter.
public enum BasicTokenizer {
  /// The words of a text, each a list of Unicode scalars, none empty.
  ///
  /// The names of special tokens, such as `[SEP]`, are ordinary text.
  public static func words(of text: String) -> [[Unicode.Scalar]] {
    var words: [[Unicode.Scalar]] = []
    var word: [Unicode.Scalar] = []
    func endWord() {
      if !word.isEmpty { words.append(word) }
      word.removeAll(keepingCapacity: true)
    }
    for scalar in normalized(text) {
      if UnicodeRules.isSpace(scalar) {
        endWord()
      } else if UnicodeRules.isPunctuation(scalar) {
        endWord()
        words.append([scalar])
      } else {
        word.append(scalar)
      }
    }
    endWord()
    return words
  }

  /// The text as words are cut from it: cleaned, without accents, in lower case.
  static func normalized(_ text: String) -> [Unicode.Scalar] {
    var cleaned = String.UnicodeScalarView()
    var isASCII = true
    for scalar in text.unicodeScalars where !UnicodeRules.isDropped(scalar) {
      if UnicodeRules.isSpace(scalar) {
        cleaned.append(" ")
      } else if UnicodeRules.isChinese(scalar) {
        cleaned.append(contentsOf: [" ", scalar, " "])
      } else {
        cleaned.append(scalar)
      }
      isASCII = isASCII && scalar.isASCII
    }
    if isASCII { return cleaned.map { $0.properties.isUppercase ? Unicode.Scalar(UInt8($0.value) | 0x20) : $0 } }
    return UnicodeRules.decomposed(String(cleaned)).unicodeScalars.flatMap { scalar -> [Unicode.Scalar] in
      if UnicodeRules.isAccent(scalar) { return [] }
      return Array(UnicodeRules.lowercase(scalar).unicodeScalars)
    }
  }
}

/// Rows of comma- or tab-separated text, quotes as in RFC 4180 (section 2).
///
/// Lines end in LF or CRLF; a field in double quotes may hold delimiters, line ends and doubled quotes; a byte order
/// mark and empty lines are skipped. The delimiter is a tab if the first line has one outside quotes, else a comma.
struct DelimitedText {
  /// Each row's fields and the line it starts on, from 1.
  private(set) var rows: [(line: Int, fields: [String])] = []
  /// Where the first quoted field of tab-separated text begins that goes on in the next line; such text often has
  /// quotes that are characters as any other.
  private(set) var lineOfSuspectQuote: Int?

  /// Splits a file's bytes; nil finds the delimiter.
  ///
  /// Throws `DatasetError.malformed` for a quote that never closes, and for bytes that are not UTF-8.
  init(_ bytes: [UInt8], path: String, delimiter: UInt8? = nil) throws(DatasetError) {
    let newline = UInt8(ascii: "\n")
    let quote = UInt8(ascii: "\"")
    var position = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    let delimiter = delimiter ?? Self.delimiter(bytes[position...])
    var (line, firstLine) = (1, 1)
    var field: [UInt8] = []
    var fields: [String] = []
    var openedAt: Int?
    var wasQuoted = false
    var invalidLine: Int?

    func next() -> UInt8? { position + 1 < bytes.count ? bytes[position + 1] : nil }
    func endField() {
      if let text = String(validating: field, as: UTF8.self) {
        fields.append(text)
      } else {
        // Decoded with replacements, names that differ would be one.
        invalidLine = invalidLine ?? firstLine
        fields.append("")
      }
      field.removeAll(keepingCapacity: true)
    }
    func endRow() {
      if !fields.isEmpty || !field.isEmpty || wasQuoted {
        endField()
        rows.append((firstLine, fields))
        fields.removeAll(keepingCapacity: true)
      }
      wasQuoted = false
    }

    while position < bytes.count {
      let byte = bytes[position]
      if byte == newline { line += 1 }
      if openedAt != nil {
        if byte != quote {
          field.append(byte)
        } else if next() == quote {
          field.append(quote)
          position += 1
        } else {
          if let opened = openedAt, opened < line, delimiter == UInt8(ascii: "\t") {
            lineOfSuspectQuote = lineOfSuspectQuote ?? opened
          }
          openedAt = nil
        }
      } else if byte == quote, field.isEmpty {
        (openedAt, wasQuoted) = (line, true)
      } else if byte == delimiter {
        endField()
      } else if byte == newline {
        endRow()
        firstLine = line
      } else if byte != UInt8(ascii: "\r") || next() != newline {
        field.append(byte)
      }
      position += 1
    }
    if let openedAt {
      throw .malformed(
        path: path, line: openedAt, reason: "a quoted field is never closed. Close it, or double the quote.")
    }
    endRow()
    if let invalidLine {
      throw .malformed(
        path: path, line: invalidLine, reason: "not UTF-8. Store the file as UTF-8, for example by iconv -t UTF-8.")
    }
  }

  /// A tab if the first line has one outside quotes, else a comma.
  private static func delimiter(_ bytes: ArraySlice<UInt8>) -> UInt8 {
    let (tab, comma, quote) = (UInt8(ascii: "\t"), UInt8(ascii: ","), UInt8(ascii: "\""))
    // A quote within a field that does not begin with one is a character as any other.
    var (isQuoted, isAtStart) = (false, true)
    for byte in bytes {
      if byte == quote, isQuoted || isAtStart {
        // The second of two quotes within quotes opens them again.
        isQuoted.toggle()
        isAtStart = true
        continue
      }
      if !isQuoted {
        if byte == tab { return tab }
        if byte == UInt8(ascii: "\n") { return comma }
      }
      isAtStart = !isQuoted && byte == comma
    }
    return comma
  }
}

/// The names in a list such as `cat,"crane, bird"`: separated by commas, those that hold one in quotes as in RFC 4180;
/// empty ones are left out.
///
/// Throws `DatasetError.malformed` for a quote that never closes.
package func names(inList list: String) throws(DatasetError) -> [String] {
  try DelimitedText(Array(list.utf8), path: list, delimiter: UInt8(ascii: ",")).rows.flatMap(\.fields)
    .filter { !$0.isEmpty }
}

/// A list that ``names(inList:)`` reads.
package func list(ofNames names: [String]) -> String {
  names.map { name in
    guard name.contains(where: { ",\"\n".contains($0) }) else { return name }
    return "\"\(name.replacingOccurrences(of: "\"", with: "\"\""))\""
  }.joined(separator: ",")
}

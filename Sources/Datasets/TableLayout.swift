import Foundation
import Support

/// A CSV or TSV file: the columns `path` or `text`, `label` or `value`, and optionally `split`; or rows without a
/// header, of a class and texts or of scikit-learn's digits.
enum TableLayout {
  static func read(_ path: String) throws(DatasetError) -> Listing {
    let bytes = try readTable(path)
    guard !bytes.isEmpty else { throw .unrecognized(path: path, found: "an empty file") }
    guard !bytes.prefix(1024).contains(0) else { throw .unrecognized(path: path, found: "a binary file") }
    let text = try DelimitedText(bytes, path: path)
    guard let header = text.rows.first else { throw .unrecognized(path: path, found: "a file of empty lines") }
    let columns = header.fields.map(columnName)
    if let columns = try Columns(columns, file: path, line: header.line) {
      guard text.rows.count > 1 else {
        throw .malformed(
          path: path, line: header.line, reason: "a header without rows. Fill it in, or remove the file.")
      }
      var listing = try examples(text, file: path, columns)
      if let line = text.lineOfSuspectQuote {
        listing.notes.append(
          "\(path):\(line): a quoted field goes on in the next line; where a quote is a character of the text, double it, and put "
            + "the field in quotes")
      }
      return listing
    }
    if columns.count == 65, columns.allSatisfy({ Int($0) != nil }) { return try digits(text, file: path) }
    if ClassRows.begin(with: header.fields) { return try listing(.classRows, ClassRows.read(text, file: path)) }
    let found = header.fields.prefix(6).joined(separator: ", ")
    let advice = header.fields.count == 1 && found.contains(";") ? ", whose columns commas or tabs are to separate" : ""
    throw .unrecognized(path: path, found: "a file whose first line is: \(found.prefix(80))\(advice)")
  }

  /// A field of the header as columns are known by: in lower case, without blanks around it.
  static func columnName(_ field: String) -> String { field.trimmingCharacters(in: .whitespaces).lowercased() }

  /// Whether a file's first line names the columns of such a table; of a file that is no text it names none.
  static func hasColumns(_ path: String) -> Bool {
    guard let bytes = try? readTable(path) else { return false }
    let line = Array(bytes.prefix { $0 != UInt8(ascii: "\n") })
    guard let header = (try? DelimitedText(line, path: path))?.rows.first else { return false }
    return (try? Columns(header.fields.map(columnName), file: path, line: 1)) != nil
  }

  /// Where a row's fields are.
  private struct Columns {
    let source: Int
    let holdsTexts: Bool
    let target: Int
    let hasValues: Bool
    let split: Int?

    /// Nil for a header of something else.
    init?(_ names: [String], file: String, line: Int) throws(DatasetError) {
      for name in ["path", "text", "label", "value", "split"] where names.count(where: { $0 == name }) > 1 {
        throw .malformed(
          path: file, line: line, reason: "more than one column \(name). Rename the others, or remove them.")
      }
      let (path, text) = (names.firstIndex(of: "path"), names.firstIndex(of: "text"))
      guard let source = path ?? text else { return nil }
      guard path == nil || text == nil else {
        throw .malformed(
          path: file, line: line,
          reason: "both a path and a text column, expected one of them: path for images, text for texts.")
      }
      let (label, value) = (names.firstIndex(of: "label"), names.firstIndex(of: "value"))
      guard label == nil || value == nil else {
        throw .malformed(
          path: file, line: line,
          reason: "both a label and a value column, expected one of them: label for classes, value for numbers.")
      }
      guard let target = label ?? value else { return nil }
      (self.source, holdsTexts, self.target, hasValues) = (source, text != nil, target, value != nil)
      split = names.firstIndex(of: "split")
    }
  }

  private static func examples(
    _ text: DelimitedText, file: String, _ columns: Columns
  ) throws(DatasetError) -> Listing {
    let folder = parentFolder(of: file)
    let width = text.rows.first?.fields.count ?? 0
    var found: [Split: [(source: Example.Source, label: String)]] = [:]
    var valued: [Split: [Example]] = [:]
    for (line, fields) in text.rows.dropFirst() {
      func fail(_ reason: String) -> DatasetError { .malformed(path: file, line: line, reason: reason) }
      guard fields.count == width else {
        throw fail("\(fields.count) fields, expected \(width) as in the header. Quote fields that hold the delimiter.")
      }
      var split = Split.train
      if let column = columns.split {
        guard let named = Split(rawValue: fields[column]) else {
          throw fail("split '\(fields[column])', expected train, val or test.")
        }
        split = named
      }
      let (field, target) = (fields[columns.source], fields[columns.target])
      guard !field.isEmpty, !target.isEmpty else {
        throw fail(
          "an empty \(columns.holdsTexts ? "text" : "path") or \(columns.hasValues ? "value" : "label"). "
            + "Fill it in, or remove the line.")
      }
      let path = field.hasPrefix("/") || folder.isEmpty ? field : "\(folder)/\(field)"
      let source = columns.holdsTexts ? Example.Source.text(field, file: file, line: line) : .file(path)
      guard columns.hasValues else {
        found[split, default: []].append((source, target))
        continue
      }
      guard let value = Double(target.filter { $0 != " " }), value.isFinite else {
        throw fail("value '\(target)', expected a finite number.")
      }
      valued[split, default: []].append(Example(source: source, value: value))
    }
    guard columns.hasValues else { return listing(.table, found) }
    let parts = valued.mapValues { Listing.Part(classes: [], examples: $0) }
    return Listing(layout: .table, hasValues: true, parts: parts)
  }

  /// One row per 8 × 8 image: 64 gray values 0…16 and the digit, as in scikit-learn's `digits.csv`.
  ///
  /// The first half (rounded down) is for training and the second for testing, without shuffling, as in scikit-learn's
  /// own example "Recognizing hand-written digits".
  private static func digits(_ text: DelimitedText, file: String) throws(DatasetError) -> Listing {
    let half = text.rows.count / 2
    var found: [Split: [(source: Example.Source, label: String)]] = [:]
    for (row, (line, fields)) in text.rows.enumerated() {
      let numbers = fields.compactMap { Int($0) }
      guard numbers.count == 65, fields.count == 65, numbers.dropLast().allSatisfy({ (0...16).contains($0) }) else {
        throw .malformed(path: file, line: line, reason: "expected 64 numbers from 0 to 16 and a label.")
      }
      let pixels = numbers.dropLast().flatMap { [UInt8](repeating: UInt8(($0 * 255 + 8) / 16), count: 3) }
      let image = RGBImage(height: 8, width: 8, pixels: pixels)
      found[row < half ? .train : .test, default: []].append((.pixels(image), fields[64]))
    }
    return listing(.digits, found)
  }

  private static func listing(
    _ layout: Dataset.Layout, _ found: [Split: [(source: Example.Source, label: String)]]
  ) -> Listing {
    let parts = found.mapValues { rows in
      let classes = Set(rows.map(\.label)).sorted { $0.precedesByBytes($1) }
      let labels = Dictionary(uniqueKeysWithValues: zip(classes, classes.indices))
      return Listing.Part(
        classes: classes,
        examples: rows.compactMap { row in labels[row.label].map { Example(source: row.source, label: $0) } })
    }
    return Listing(layout: layout, parts: parts, notes: notes(onClasses: parts.values.flatMap(\.classes)))
  }

  /// Classes that differ by blanks at their ends only are most likely one.
  private static func notes(onClasses names: [String]) -> [String] {
    let alike = Dictionary(grouping: Set(names)) { $0.trimmingCharacters(in: .whitespaces) }
    return alike.values.filter { $0.count > 1 }.map { $0.sorted { $0.precedesByBytes($1) } }
      .sorted { $0[0].precedesByBytes($1[0]) }.map { names in
        let list = names.map { "'\($0)'" }.joined(separator: ", ")
        return "\(list) are classes of their own, though they differ by blanks only"
      }
  }
}

extension Dataset {
  /// The texts of a CSV or TSV file, whatever they are labelled: its column `text`, or rows of a class number and
  /// texts.
  ///
  /// Throws `DatasetError.notFound`, `.unreadable`, and `.malformed` for what holds no such texts, and for a row of
  /// another width or without text.
  package static func texts(of path: String) throws(DatasetError) -> [Example.Source] {
    func refuse(_ found: String) -> DatasetError {
      .malformed(path: path, line: nil, reason: "found \(found), expected a CSV or TSV file of texts.")
    }
    switch FileKind(path) {
    case .missing: throw .notFound(path: path)
    case .folder: throw refuse("a folder")
    case .other: throw refuse("a special file")
    case .file: break
    }
    let bytes = try readTable(path)
    guard !bytes.prefix(1024).contains(0) else { throw refuse("a binary file") }
    let table = try DelimitedText(bytes, path: path)
    guard let header = table.rows.first else { throw refuse("no line with something in it") }
    if let column = header.fields.firstIndex(where: { TableLayout.columnName($0) == "text" }) {
      return try table.rows.dropFirst().map { row throws(DatasetError) in
        guard row.fields.count == header.fields.count else {
          throw .malformed(
            path: path, line: row.line,
            reason: "\(row.fields.count) fields, expected \(header.fields.count) as in the header.")
        }
        guard !row.fields[column].isEmpty else {
          throw .malformed(path: path, line: row.line, reason: "an empty text. Remove the line, or fill it in.")
        }
        return .text(row.fields[column], file: path, line: row.line)
      }
    }
    guard ClassRows.begin(with: header.fields) else {
      throw .malformed(path: path, line: header.line, reason: "no column text. Name it in the first line.")
    }
    return try ClassRows.read(table, file: path)[.train, default: []].map(\.source)
  }
}

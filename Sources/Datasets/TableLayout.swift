import Foundation

/// A CSV or TSV file: the columns `path`, `label` or `value`, and optionally `split`; or scikit-learn's digits.
enum TableLayout {
  static func read(_ path: String) throws(DatasetError) -> Listing {
    let bytes = try readFile(path)
    guard !bytes.isEmpty else { throw .unrecognized(path: path, found: "an empty file") }
    guard !bytes.prefix(1024).contains(0) else { throw .unrecognized(path: path, found: "a binary file") }
    let text = try DelimitedText(bytes, path: path)
    guard let header = text.rows.first else { throw .unrecognized(path: path, found: "a file of empty lines") }
    let columns = header.fields.map { $0.lowercased() }
    if let pathColumn = columns.firstIndex(of: "path") {
      let (label, value) = (columns.firstIndex(of: "label"), columns.firstIndex(of: "value"))
      guard label == nil || value == nil else {
        throw .malformed(
          path: path, line: header.line,
          reason: "both a label and a value column, expected one of them: label for classes, value for numbers.")
      }
      if let targetColumn = label ?? value {
        return try images(
          text, file: path, pathColumn: pathColumn, targetColumn: targetColumn, hasValues: value != nil,
          splitColumn: columns.firstIndex(of: "split"))
      }
    }
    if columns.count == 65, columns.allSatisfy({ Int($0) != nil }) { return try digits(text, file: path) }
    let found = header.fields.prefix(6).joined(separator: ", ")
    throw .unrecognized(path: path, found: "a file whose first line is: \(found.prefix(80))")
  }

  private static func images(
    _ text: DelimitedText, file: String, pathColumn: Int, targetColumn: Int, hasValues: Bool, splitColumn: Int?
  ) throws(DatasetError) -> Listing {
    let folder = (file as NSString).deletingLastPathComponent
    let width = text.rows.first?.fields.count ?? 0
    var found: [Split: [(source: Example.Source, label: String)]] = [:]
    var valued: [Split: [Example]] = [:]
    for (line, fields) in text.rows.dropFirst() {
      func fail(_ reason: String) -> DatasetError { .malformed(path: file, line: line, reason: reason) }
      guard fields.count == width else {
        throw fail("\(fields.count) fields, expected \(width) as in the header. Quote fields that hold the delimiter.")
      }
      var split = Split.train
      if let splitColumn {
        guard let named = Split(rawValue: fields[splitColumn]) else {
          throw fail("split '\(fields[splitColumn])', expected train, val or test.")
        }
        split = named
      }
      guard !fields[pathColumn].isEmpty, !fields[targetColumn].isEmpty else {
        throw fail("an empty path or \(hasValues ? "value" : "label"). Fill it in, or remove the line.")
      }
      let path = fields[pathColumn]
      let source = path.hasPrefix("/") || folder.isEmpty ? path : "\(folder)/\(path)"
      let target = fields[targetColumn]
      guard hasValues else {
        found[split, default: []].append((.file(source), target))
        continue
      }
      guard let value = Double(target.filter { $0 != " " }), value.isFinite else {
        throw fail("value '\(target)', expected a finite number.")
      }
      valued[split, default: []].append(Example(source: .file(source), value: value))
    }
    guard hasValues else { return listing(.table, found) }
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
    return Listing(layout: layout, parts: parts)
  }
}

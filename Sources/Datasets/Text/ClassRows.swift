import Foundation

/// Rows of a class number and one or more texts, without a header: the layout of AG News and the other data sets of
/// Zhang, Zhao and LeCun (NeurIPS 2015).
enum ClassRows {
  /// Whether a file's first row is one: a number above 0, and a field that is not a number.
  static func begin(with fields: [String]) -> Bool {
    fields.count >= 2 && isClass(fields[0]) && fields.dropFirst().contains { Double($0) == nil && !$0.isEmpty }
  }

  /// The rows' texts, each the fields behind the class joined by a space.
  ///
  /// Throws `DatasetError.malformed` for a row of another width, one without a class number and one without text.
  static func read(
    _ table: DelimitedText, file: String
  ) throws(DatasetError) -> [Split: [(source: Example.Source, label: String)]] {
    let width = table.rows.first?.fields.count ?? 0
    var found: [(source: Example.Source, label: String)] = []
    for (line, fields) in table.rows {
      func fail(_ reason: String) -> DatasetError { .malformed(path: file, line: line, reason: reason) }
      guard fields.count == width else {
        throw fail(
          "\(fields.count) fields, expected \(width) as in the first line. Quote fields that hold the delimiter.")
      }
      guard isClass(fields[0]) else { throw fail("class '\(fields[0].prefix(40))', expected a number above 0.") }
      let text = joined(fields.dropFirst())
      guard !text.isEmpty else { throw fail("no text behind the class. Fill it in, or remove the line.") }
      found.append((.text(text, file: file, line: line), fields[0]))
    }
    return [.train: found]
  }

  private static func joined(_ fields: ArraySlice<String>) -> String {
    fields.joined(separator: " ").trimmingCharacters(in: .whitespacesAndNewlines)
  }

  private static func isClass(_ field: String) -> Bool {
    (1...6).contains(field.utf8.count) && field.utf8.allSatisfy { (48...57).contains($0) } && field.first != "0"
  }
}

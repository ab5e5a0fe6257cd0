import Foundation

/// JSON as Gridless writes it: snake_case keys, sorted, slashes as they are.
///
/// JSON has no numbers that are not finite: they are the strings `"NaN"`, `"Infinity"` and `"-Infinity"`.
public enum JSON {
  /// One line of JSON.
  public static func line(_ value: some Encodable) throws -> String {
    String(decoding: try encoder().encode(value), as: UTF8.self)
  }

  /// Indented JSON with a final line feed, for files that people read.
  public static func document(_ value: some Encodable) throws -> Data {
    let encoder = encoder()
    encoder.outputFormatting.insert(.prettyPrinted)
    return try encoder.encode(value) + Data("\n".utf8)
  }

  /// Reads what this type writes.
  public static func decode<Value: Decodable>(_ type: Value.Type, from data: Data) throws -> Value {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: infinity, negativeInfinity: "-" + infinity, nan: nan)
    return try decoder.decode(type, from: data)
  }

  /// The members of a JSON object, each as one line of JSON.
  ///
  /// Throws where the text is not a JSON object.
  package static func members(of text: Data) throws -> [String: String] {
    guard let members = try JSONSerialization.jsonObject(with: text) as? [String: Any] else {
      throw CocoaError(.propertyListReadCorrupt)
    }
    return try members.mapValues {
      let data = try JSONSerialization.data(withJSONObject: $0, options: [.fragmentsAllowed, .sortedKeys])
      return String(decoding: data, as: UTF8.self)
    }
  }

  private static let (infinity, nan) = ("Infinity", "NaN")

  private static func encoder() -> JSONEncoder {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: infinity, negativeInfinity: "-" + infinity, nan: nan)
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return encoder
  }
}

extension [String: String] {
  /// Lines that say which of a JSON object's members differ from those of the object that is there already.
  package func differences(from others: Self, ignoring ignored: Set<String>) -> [String] {
    Set(keys).union(others.keys).subtracting(ignored).sorted().compactMap { key in
      let (here, there) = (self[key] ?? "unset", others[key] ?? "unset")
      return here == there ? nil : "\(key): \(there) there, \(here) now"
    }
  }
}

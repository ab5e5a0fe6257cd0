/// Why JSON was refused.
struct JSONProblem: Error {
  let text: String

  init(_ text: String) { self.text = text }
}

/// Reads the JSON that a safetensors header or an index may hold: objects, strings and lists of non-negative integers.
///
/// Stricter than `JSONSerialization`, which drops repeated keys, reads numbers as doubles and recurses.
/// Source: RFC 8259.
struct JSONScanner {
  private let bytes: UnsafeRawBufferPointer
  private let what: String
  private var position = 0

  /// A scanner of `bytes`; `what` is what errors call them.
  init(_ bytes: UnsafeRawBufferPointer, of what: String = "header") { (self.bytes, self.what) = (bytes, what) }

  /// Reads an object; `member` is called after each key and its colon, and reads the value.
  mutating func object(
    _ member: (inout JSONScanner, _ key: String) throws(JSONProblem) -> Void
  ) throws(JSONProblem) {
    try expect("{")
    if take("}") { return }
    repeat {
      let key = try string()
      try expect(":")
      try member(&self, key)
    } while take(",")
    try expect("}")
  }

  /// Reads a list of at most so many non-negative integers, each of which fits an `Int`.
  mutating func integers(atMost limit: Int) throws(JSONProblem) -> [Int] {
    var result: [Int] = []
    try expect("[")
    if take("]") { return result }
    repeat {
      guard result.count < limit else { throw problem("a list of more than \(limit) numbers") }
      result.append(try integer())
    } while take(",")
    try expect("]")
    return result
  }

  /// Reads a string of at most so many bytes in UTF-8, its escapes resolved.
  mutating func string(atMost limit: Int = 1024) throws(JSONProblem) -> String {
    try expect("\"")
    var text: [UInt8] = []
    while true {
      let byte = try next()
      guard text.count <= limit else { throw problem("a string of more than \(limit) bytes") }
      switch byte {
      case UInt8(ascii: "\""):
        guard let string = String(validating: text, as: UTF8.self) else { throw problem("a string that is not UTF-8") }
        return string
      case UInt8(ascii: "\\"): text.append(contentsOf: try escape())
      case 0..<0x20: throw problem("a control character in a string")
      default: text.append(byte)
      }
    }
  }

  /// Checks that nothing but white space is left.
  mutating func end() throws(JSONProblem) {
    skipSpace()
    if position < bytes.count { throw problem("text after the \(what)'s last brace") }
  }

  private mutating func integer() throws(JSONProblem) -> Int {
    skipSpace()
    let start = position
    var value = 0
    while position < bytes.count, case let digit = bytes[position], (0x30...0x39).contains(digit) {
      let (tens, overflowed) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflowedToo) = tens.addingReportingOverflow(Int(digit) - 0x30)
      if overflowed || overflowedToo { throw problem("a number beyond 2^63") }
      value = sum
      position += 1
    }
    let length = position - start
    guard length > 0, length == 1 || bytes[start] != UInt8(ascii: "0") else {
      throw problem("no non-negative whole number")
    }
    return value
  }

  /// Reads what follows a backslash: the UTF-8 of the character meant.
  private mutating func escape() throws(JSONProblem) -> [UInt8] {
    switch Character(UnicodeScalar(try next())) {
    case "\"": return [0x22]
    case "\\": return [0x5C]
    case "/": return [0x2F]
    case "b": return [0x08]
    case "f": return [0x0C]
    case "n": return [0x0A]
    case "r": return [0x0D]
    case "t": return [0x09]
    case "u":
      var units = [try hexadecimal()]
      if UTF16.isLeadSurrogate(units[0]) {
        guard try next() == UInt8(ascii: "\\"), try next() == UInt8(ascii: "u") else {
          throw problem("half a surrogate pair")
        }
        units.append(try hexadecimal())
      }
      guard let character = String(validating: units, as: UTF16.self) else { throw problem("half a surrogate pair") }
      return Array(character.utf8)
    default: throw problem("an unknown escape")
    }
  }

  private mutating func hexadecimal() throws(JSONProblem) -> UInt16 {
    var value: UInt16 = 0
    for _ in 0..<4 {
      guard let digit = Character(UnicodeScalar(try next())).hexDigitValue else {
        throw problem("a \\u without four hexadecimal digits")
      }
      value = value << 4 | UInt16(digit)
    }
    return value
  }

  private mutating func next() throws(JSONProblem) -> UInt8 {
    guard position < bytes.count else { throw problem("the \(what)'s end inside a value") }
    defer { position += 1 }
    return bytes[position]
  }

  /// The next byte that is not white space, which stays where it is; nil at the end.
  mutating func peek() -> UInt8? {
    skipSpace()
    return position < bytes.count ? bytes[position] : nil
  }

  /// Takes a run of bytes for which `isPart` is true, and counts them.
  mutating func skip(while isPart: (UInt8) -> Bool) -> Int {
    let start = position
    while position < bytes.count, isPart(bytes[position]) { position += 1 }
    return position - start
  }

  private mutating func skipSpace() {
    while position < bytes.count, Self.isSpace(bytes[position]) { position += 1 }
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
  }

  /// Takes a character if it is the next.
  mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  /// Takes a character, which must be the next.
  mutating func expect(_ character: Unicode.Scalar) throws(JSONProblem) {
    if !take(character) { throw problem("no '\(character)'") }
  }

  /// What was found, and where.
  func problem(_ found: String) -> JSONProblem {
    JSONProblem("its \(what) has \(found) at byte \(position)")
  }
}

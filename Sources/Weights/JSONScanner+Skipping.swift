extension JSONScanner {
  /// What values may nest, for those that are skipped.
  private static let deepest = 32

  /// Reads any value and forgets it; containers may nest, but not deeply.
  ///
  /// It does not recurse: `open` holds the closing brackets that are awaited.
  mutating func skipValue() throws(JSONProblem) {
    var open: [Unicode.Scalar] = []
    repeat {
      var isValue = true
      if take("{") {
        open.append("}")
        if !take("}") {
          try skipKey()
          isValue = false
        } else {
          open.removeLast()
        }
      } else if take("[") {
        open.append("]")
        if !take("]") { isValue = false } else { open.removeLast() }
      } else {
        try skipScalar()
      }
      guard open.count <= Self.deepest else { throw problem("values that nest deeper than \(Self.deepest)") }
      // After a value comes the next one of its container, or the container's end, which ends a value in turn.
      while isValue, let bracket = open.last {
        if take(",") {
          if bracket == "}" { try skipKey() }
          isValue = false
        } else {
          try expect(bracket)
          open.removeLast()
        }
      }
    } while !open.isEmpty
  }

  private mutating func skipKey() throws(JSONProblem) {
    _ = try string(atMost: .max)
    try expect(":")
  }

  private mutating func skipScalar() throws(JSONProblem) {
    if peek() == UInt8(ascii: "\"") {
      _ = try string(atMost: .max)
      return
    }
    // A number or a word; which one is of no interest.
    if skip(while: Self.isScalarByte) == 0 { throw problem("no value") }
  }

  private static func isScalarByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "E"),
      UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
      true
    default: false
    }
  }
}

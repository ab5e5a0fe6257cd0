/// Why a file of `torch.save` was refused, and what to do about it.
struct PyTorchProblem: Error {
  let text: String
  let advice: String

  init(_ text: String, advice: String = "Fetch it again, or save it again with torch.save.") {
    (self.text, self.advice) = (text, advice)
  }
}

/// Reads little-endian numbers and runs of bytes, each checked against what is left.
struct ByteReader {
  let bytes: UnsafeRawBufferPointer
  private(set) var position: Int
  private let what: String

  /// A reader of `bytes` from `position`; `what` is what errors call them.
  init(_ bytes: UnsafeRawBufferPointer, at position: Int = 0, of what: String) throws(PyTorchProblem) {
    (self.bytes, self.position, self.what) = (bytes, position, what)
    guard (0...bytes.count).contains(position) else {
      throw PyTorchProblem("its \(what) would start at byte \(position) of \(bytes.count)")
    }
  }

  var remaining: Int { bytes.count - position }

  /// The next `count` bytes.
  mutating func take(_ count: Int) throws(PyTorchProblem) -> UnsafeRawBufferPointer {
    guard count >= 0, count <= remaining else {
      throw PyTorchProblem("its \(what) needs \(count) bytes at byte \(position), \(remaining) are left")
    }
    defer { position += count }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
  }

  /// The next number.
  mutating func number<Number: FixedWidthInteger & BitwiseCopyable>(
    _ type: Number.Type
  ) throws(PyTorchProblem) -> Number {
    Number(littleEndian: try take(MemoryLayout<Number>.size).loadUnaligned(as: type))
  }

  /// The next number, which is a length or a position.
  mutating func length<Number: FixedWidthInteger & BitwiseCopyable>(
    _ type: Number.Type
  ) throws(PyTorchProblem) -> Int {
    let value = try number(type)
    guard let length = Int(exactly: value), length >= 0 else {
      throw PyTorchProblem("its \(what) has the length \(value)")
    }
    return length
  }
}

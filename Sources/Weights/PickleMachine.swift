/// Interprets the pickles that `torch.save` makes of tensors, dictionaries, lists, tuples, strings and numbers.
///
/// It only interprets: no name of the pickle is ever looked up or called, what is not on the list of ``PickleGlobal``
/// is refused by name, and every length is checked against the bytes that are left. The numbers of values, of objects,
/// of tensors and of memo entries are limited, so that no pickle costs more than some 50 MB. Source: the opcodes'
/// documentation in Python's module `pickletools`, protocols 2 to 5.
struct PickleMachine {
  /// The objects, to which values are indices.
  var objects: [PickleObject] = []
  /// What the pickle stands for.
  private(set) var result = PickleValue.none

  /// What instructions take from and put on.
  var stack: [PickleValue] = []
  /// Where on the stack marks lie.
  var marks: [Int] = []
  private var memo: [Int: PickleValue] = [:]
  private var reader: ByteReader
  /// Values made so far.
  private var pushed = 0
  /// Tensors made so far.
  var tensors = 0

  /// The most tensors: with an optimizer's state a large network has some thousands.
  static let mostTensors = 16384
  /// The most values in all, of some 25 that a tensor needs.
  private static let mostValues = 524_288
  /// The most objects (a tensor needs seven), values on the stack, marks and memo entries.
  private static let limit = 131_072
  static let advice =
    "If you trust the file, load it in PyTorch and save the tensors alone: torch.save(model.state_dict(), FILE)."

  /// Interprets a whole pickle.
  init(_ bytes: UnsafeRawBufferPointer) throws(PyTorchProblem) {
    reader = try ByteReader(bytes, of: "pickle")
    while try step() {}
    guard let top = stack.last, stack.count == 1, marks.isEmpty else {
      throw PyTorchProblem("its pickle ends with \(stack.count) values, expected one")
    }
    result = top
    stack = []
    memo = [:]
  }

  /// Takes one instruction; false for the last.
  private mutating func step() throws(PyTorchProblem) -> Bool {
    let opcode = try reader.number(UInt8.self)
    switch opcode {
    case UInt8(ascii: "."): return false
    case 0x80:  // PROTO
      let version = try reader.number(UInt8.self)
      guard (2...5).contains(version) else {
        throw PyTorchProblem("its pickle has protocol \(version), expected 2 to 5")
      }
    case 0x95: _ = try reader.number(UInt64.self)  // FRAME, a hint for buffering
    case UInt8(ascii: "("): try mark()
    case UInt8(ascii: "0"): _ = try pop()
    case UInt8(ascii: "1"): _ = try popToMark()
    case UInt8(ascii: "2"):
      let top = try pop()
      try push(top)
      try push(top)
    case UInt8(ascii: "N"): try push(.none)
    case 0x88, 0x89: try push(.boolean(opcode == 0x88))
    case UInt8(ascii: "J"): try push(.integer(Int(try reader.number(Int32.self))))
    case UInt8(ascii: "K"): try push(.integer(Int(try reader.number(UInt8.self))))
    case UInt8(ascii: "M"): try push(.integer(Int(try reader.number(UInt16.self))))
    case 0x8A: try push(integer(ofLength: reader.length(UInt8.self)))
    case 0x8B: try push(integer(ofLength: reader.length(Int32.self)))
    case UInt8(ascii: "G"): try push(.real(Double(bitPattern: try reader.number(UInt64.self).byteSwapped)))
    case UInt8(ascii: "X"): try push(text(ofLength: reader.length(UInt32.self)))
    case 0x8C, UInt8(ascii: "U"): try push(text(ofLength: reader.length(UInt8.self)))
    case 0x8D: try push(text(ofLength: reader.length(UInt64.self)))
    case UInt8(ascii: "T"): try push(text(ofLength: reader.length(Int32.self)))
    case UInt8(ascii: "B"): try skipBytes(reader.length(UInt32.self))
    case UInt8(ascii: "C"): try skipBytes(reader.length(UInt8.self))
    case 0x8E: try skipBytes(reader.length(UInt64.self))
    case UInt8(ascii: "]"): try push(.list([]))
    case UInt8(ascii: "}"): try push(.dictionary([]))
    case UInt8(ascii: ")"): try push(.tuple([]))
    case UInt8(ascii: "l"): try push(.list(popToMark()))
    case UInt8(ascii: "t"): try push(.tuple(popToMark()))
    case UInt8(ascii: "d"): try push(.dictionary(pairs(popToMark())))
    case 0x85...0x87: try push(.tuple(pop(Int(opcode) - 0x84)))
    case UInt8(ascii: "a"): try append([pop()])
    case UInt8(ascii: "e"): try append(popToMark())
    case UInt8(ascii: "s"): try setItems(pop(2))
    case UInt8(ascii: "u"): try setItems(popToMark())
    case UInt8(ascii: "q"): try remember(Int(reader.number(UInt8.self)))
    case UInt8(ascii: "r"): try remember(Int(reader.number(UInt32.self)))
    case 0x94: try remember(memo.count)
    case UInt8(ascii: "h"): try recall(Int(reader.number(UInt8.self)))
    case UInt8(ascii: "j"): try recall(Int(reader.number(UInt32.self)))
    case UInt8(ascii: "c"): try pushGlobal(module: line(), name: line())
    case 0x93:
      let names = try pop(2)
      guard case .text(let module) = names[0], case .text(let name) = names[1] else {
        throw PyTorchProblem("its pickle names a global by something else than text")
      }
      try pushGlobal(module: module, name: name)
    case UInt8(ascii: "Q"): try push(.storage(storage(pop())))
    case UInt8(ascii: "R"): try reduce()
    case UInt8(ascii: "b"): try build()
    default:
      throw PyTorchProblem(
        "its pickle has the instruction 0x\(String(opcode, radix: 16)) at byte \(reader.position - 1), which tensors do not need",
        advice: Self.advice)
    }
    return true
  }

  // MARK: Stack

  mutating func push(_ value: PickleValue) throws(PyTorchProblem) {
    guard stack.count < Self.limit else {
      throw PyTorchProblem("its pickle has more than \(Self.limit) values on its stack")
    }
    pushed += 1
    guard pushed <= Self.mostValues else { throw PyTorchProblem("its pickle has more than \(Self.mostValues) values") }
    stack.append(value)
  }

  mutating func push(_ object: PickleObject) throws(PyTorchProblem) {
    guard objects.count < Self.limit else { throw PyTorchProblem("its pickle has more than \(Self.limit) objects") }
    objects.append(object)
    try push(.object(objects.count - 1))
  }

  private mutating func mark() throws(PyTorchProblem) {
    guard marks.count < Self.limit else { throw PyTorchProblem("its pickle has more than \(Self.limit) marks") }
    marks.append(stack.count)
  }

  /// The last `count` values, which lie above the last mark.
  mutating func pop(_ count: Int) throws(PyTorchProblem) -> [PickleValue] {
    guard stack.count - count >= marks.last ?? 0 else {
      throw PyTorchProblem("its pickle takes a value from an empty stack at byte \(reader.position - 1)")
    }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }

  mutating func pop() throws(PyTorchProblem) -> PickleValue { try pop(1)[0] }

  private mutating func popToMark() throws(PyTorchProblem) -> [PickleValue] {
    guard let mark = marks.popLast() else {
      throw PyTorchProblem("its pickle needs a mark at byte \(reader.position - 1) and has none")
    }
    defer { stack.removeSubrange(mark...) }
    return Array(stack[mark...])
  }

  private mutating func remember(_ index: Int) throws(PyTorchProblem) {
    guard memo.count < Self.limit else { throw PyTorchProblem("its pickle has more than \(Self.limit) memo entries") }
    let top = try pop()
    memo[index] = top
    try push(top)
  }

  private mutating func recall(_ index: Int) throws(PyTorchProblem) {
    guard let value = memo[index] else { throw PyTorchProblem("its pickle has no memo entry \(index)") }
    try push(value)
  }

  // MARK: Plain values

  private mutating func integer(ofLength length: Int) throws(PyTorchProblem) -> PickleValue {
    let bytes = try reader.take(length)
    guard length <= 8 else { return .hugeInteger }
    let isNegative = (bytes.last ?? 0) & 0x80 != 0
    var value: UInt64 = isNegative ? .max : 0
    for byte in bytes.reversed() { value = value << 8 | UInt64(byte) }
    return .integer(Int(Int64(bitPattern: value)))
  }

  private mutating func text(ofLength length: Int) throws(PyTorchProblem) -> PickleValue {
    guard let text = String(validating: try reader.take(length), as: UTF8.self) else {
      throw PyTorchProblem("a text in its pickle is not UTF-8")
    }
    return .text(text)
  }

  private mutating func skipBytes(_ length: Int) throws(PyTorchProblem) {
    _ = try reader.take(length)
    try push(.bytes)
  }

  /// Text up to a line feed, as the name of a global is given.
  private mutating func line() throws(PyTorchProblem) -> String {
    var text: [UInt8] = []
    while text.count <= 256 {
      let byte = try reader.number(UInt8.self)
      if byte == UInt8(ascii: "\n") { return String(decoding: text, as: UTF8.self) }
      text.append(byte)
    }
    throw PyTorchProblem("its pickle has a global with a name of over 256 bytes")
  }

  private mutating func pushGlobal(module: String, name: String) throws(PyTorchProblem) {
    guard let global = PickleGlobal(module: module, name: name) else {
      throw PyTorchProblem(
        "it wants '\(module.prefix(256)).\(name.prefix(256))', which tensors do not need: nothing is run",
        advice: Self.advice)
    }
    try push(.global(global))
  }

  // MARK: Containers

  private mutating func append(_ values: [PickleValue]) throws(PyTorchProblem) {
    guard case .object(let index)? = stack.last, stack.count > marks.last ?? 0, case .list(var items) = objects[index]
    else { throw PyTorchProblem("its pickle appends to what is not a list") }
    objects[index] = .list([])  // so that the list is changed in place
    items += values
    objects[index] = .list(items)
  }

  private mutating func setItems(_ values: [PickleValue]) throws(PyTorchProblem) {
    guard case .object(let index)? = stack.last, stack.count > marks.last ?? 0,
      case .dictionary(var items) = objects[index]
    else { throw PyTorchProblem("its pickle sets an item of what is not a dictionary") }
    let new = try pairs(values)
    objects[index] = .dictionary([])
    items += new
    objects[index] = .dictionary(items)
  }

  private func pairs(
    _ values: [PickleValue]
  ) throws(PyTorchProblem) -> [(key: PickleValue, value: PickleValue)] {
    guard values.count.isMultiple(of: 2) else { throw PyTorchProblem("its pickle has a key without a value") }
    return stride(from: 0, to: values.count, by: 2).map { (values[$0], values[$0 + 1]) }
  }

  /// The items of a tuple, nil of anything else.
  func tuple(_ value: PickleValue) -> [PickleValue]? {
    guard case .object(let index) = value, case .tuple(let items) = objects[index] else { return nil }
    return items
  }
}

/// Changes bytes as faults and attackers do: flips, values at the edges, lengths, removals, repetitions, splices.
struct Mutator {
  var random: Randomness
  /// No input gets longer.
  static let longest = 65536

  private static let edges: [UInt64] = [
    0, 1, 2, 7, 8, 22, 46, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFF_FFFF, 0x8000_0000,
    0xFFFF_FFFF, 0x1_0000_0000, 1 << 62, 1 << 63, .max - 1, .max,
  ]
  private static let numbers = [
    "0", "1", "8", "-1", "4294967296", "9223372036854775807", "9223372036854775808", "18446744073709551616", "1e9", "",
  ]

  /// Makes one to eight changes; `other` is what pieces are taken from.
  mutating func mutate(_ bytes: inout [UInt8], other: [UInt8]) {
    let changes = 1 + random.below(random.below(4) == 0 ? 8 : 3)
    for _ in 0..<changes where !bytes.isEmpty { change(&bytes, other) }
    if bytes.count > Self.longest { bytes.removeLast(bytes.count - Self.longest) }
  }

  private mutating func change(_ bytes: inout [UInt8], _ other: [UInt8]) {
    let place = random.below(bytes.count)
    switch random.below(12) {
    case 0, 1: bytes[place] ^= 1 << UInt8(random.below(8))
    case 2: bytes[place] = UInt8(truncatingIfNeeded: random.next())
    case 3: bytes[place] = random.element([0, 0xFF, 0x7F, 0x80, 0x28, 0x2E, 0x52, 0x5D, 0x7B, 0x7D, 0x22, 0x2C])
    case 4: setField(&bytes, place)
    case 5: addToField(&bytes, place)
    case 6: setNumber(&bytes, place)
    case 7: bytes.removeSubrange(place..<min(bytes.count, place + 1 + random.below(16)))
    case 8:
      let end = min(bytes.count, place + 1 + random.below(32))
      bytes.insert(contentsOf: Array(bytes[place..<end]), at: random.below(bytes.count))
    case 9: bytes.removeLast(bytes.count - place)
    case 10 where !other.isEmpty:
      let from = random.below(other.count)
      let piece = other[from..<min(other.count, from + 1 + random.below(64))]
      if random.below(2) == 0 {
        bytes.insert(contentsOf: piece, at: place)
      } else {
        bytes.replaceSubrange(place..<min(bytes.count, place + piece.count), with: piece)
      }
    default: repeatPiece(&bytes, place)
    }
  }

  /// Writes a value at the edge of a width, little-endian.
  private mutating func setField(_ bytes: inout [UInt8], _ place: Int) {
    let width = random.element([1, 2, 4, 8])
    var value = random.below(4) == 0 ? UInt64(random.below(bytes.count * 2)) : random.element(Self.edges)
    for index in place..<min(bytes.count, place + width) {
      bytes[index] = UInt8(truncatingIfNeeded: value)
      value >>= 8
    }
  }

  /// Adds a small number to a field.
  private mutating func addToField(_ bytes: inout [UInt8], _ place: Int) {
    var carry = random.below(33) - 16
    for index in place..<min(bytes.count, place + random.element([1, 2, 4, 8])) {
      carry += Int(bytes[index])
      bytes[index] = UInt8(truncatingIfNeeded: carry)
      carry >>= 8
    }
  }

  /// Replaces the digits at or behind a place by another number.
  private mutating func setNumber(_ bytes: inout [UInt8], _ place: Int) {
    func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    guard let start = bytes[place...].firstIndex(where: isDigit) else { return }
    let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.count
    bytes.replaceSubrange(start..<end, with: Array(random.element(Self.numbers).utf8))
  }

  /// Repeats a piece many times, now and then up to the limit.
  private mutating func repeatPiece(_ bytes: inout [UInt8], _ place: Int) {
    let piece = Array(bytes[place..<min(bytes.count, place + 1 + random.below(24))])
    let most = (Self.longest - bytes.count) / piece.count
    guard most > 0 else { return }
    let count = random.below(32) == 0 ? random.below(most) + 1 : min(most, 1 + random.below(8))
    bytes.insert(contentsOf: Array(repeatElement(piece, count: count).joined()), at: place)
  }
}

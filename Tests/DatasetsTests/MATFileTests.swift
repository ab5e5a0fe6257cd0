import Foundation
import Testing

import Datasets

/// Files that SciPy wrote, and what it reads from them (`Tests/golden/mat/make.py`).
@Suite struct MATFileTests {
  private struct Expected: Decodable {
    var shape: [Int]
    var values: [Double]
  }

  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "golden/mat").path

  private func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(Self.folder)/\(name)")))
  }

  @Test(arguments: ["plain.mat", "compressed.mat"]) func numbersAreSciPys(_ name: String) throws {
    let json = try Data(contentsOf: URL(fileURLWithPath: "\(Self.folder)/expected.json"))
    let expected = try JSONDecoder().decode([String: Expected].self, from: json)
    let matrices = try MATFile(bytes(name), path: name).matrices
    // The text, the complex matrix, the cell and the struct are skipped.
    #expect(matrices.keys.sorted() == expected.keys.sorted())
    for (name, matrix) in expected {
      #expect(matrices[name]?.shape == matrix.shape && matrices[name]?.values == matrix.values, "\(name)")
    }
  }

  private func reason(_ bytes: [UInt8]) throws -> String? {
    do {
      _ = try MATFile(bytes, path: "a.mat")
      return nil
    } catch {
      guard case .malformed("a.mat", nil, let reason) = error else { throw error }
      return reason
    }
  }

  private let header = [UInt8](repeating: 32, count: 124) + [0, 1] + Array("IM".utf8)

  /// A tag of type and length.
  private func tag(_ kind: UInt8, _ count: UInt32) -> [UInt8] {
    [kind, 0, 0, 0] + withUnsafeBytes(of: count.littleEndian) { Array($0) }
  }

  @Test func lengthsAreCheckedBeforeTheyAreBelieved() throws {
    let huge: UInt32 = 0xFFFF_FFF0
    for (bytes, words) in [
      (Array(header.dropLast()), "127 bytes, expected a header of 128"),
      (Array(header.dropLast(2)) + Array("MI".utf8), "little-endian"),
      (header + tag(14, huge), "an element of 4294967280 bytes where 0 are left"),
      (header + tag(77, 0), "an element of type 77"),
      (header + [9, 0, 5, 0, 0, 0, 0, 0], "5 bytes in a tag that holds 4"),
      (header + [1, 2, 3], "an element of 4 bytes where 3 are left"),
      (header + tag(15, 4) + [1, 2, 3, 4], "a compressed element that zlib refuses"),
      // zlib's form of a tag that claims 4 GB, and nothing behind it.
      (header + tag(15, 19) + stored(tag(14, huge)), "a matrix of 4294967280 bytes, expected at most 4194304"),
      (header + tag(15, 19) + stored(tag(14, 1 << 20)), "another length than its tag says"),
      (header + tag(14, 16) + tag(6, 8) + [6, 0, 0, 0, 0, 0, 0, 0], "an element of 4 bytes where 0 are left"),
      (header + matrix(shape: [3, 1], doubles: 2), "2 values in a matrix of [3, 1]"),
      (header + matrix(shape: [1 << 19, 1], doubles: 1 << 19), "a matrix of 4194352 bytes, expected at most 4194304"),
      (header + matrix(shape: [1 << 30, 1 << 30], doubles: 2), "2 values in a matrix of"),
      (header + matrix(shape: [-1, -2], doubles: 2), "dimensions [-1, -2]"),
      (header + matrix(shape: [2, 1], doubles: 2) + matrix(shape: [2, 1], doubles: 2), "two matrices 'a'"),
    ] {
      let found = try reason(bytes)
      #expect(found?.contains(words) == true, "\(found ?? "read") instead of \(words)")
    }
    for side in [Double.nan, .infinity, 1e300, 0.5] {
      let found = try reason(header + matrix(sides: [side, 1]))
      #expect(found?.contains("dimensions [\(side), 1.0]") == true, "\(found ?? "read") of \(side)")
    }
    #expect(try reason(header) == nil)
    #expect(try reason(header + matrix(shape: [2, 1], doubles: 2)) == nil)
  }

  /// A zlib stream of one stored block.
  private func stored(_ bytes: [UInt8]) -> [UInt8] {
    var (a, b): (UInt32, UInt32) = (1, 0)
    for byte in bytes {
      a = (a + UInt32(byte)) % 65521
      b = (b + a) % 65521
    }
    let count = UInt16(bytes.count)
    return [0x78, 0x01, 1, UInt8(count & 255), UInt8(count >> 8), UInt8(~count & 255), UInt8(~count >> 8)] + bytes
      + [UInt8(b >> 8), UInt8(b & 255), UInt8(a >> 8), UInt8(a & 255)]
  }

  /// A matrix `a` of so many zeros, whatever its shape.
  private func matrix(shape: [Int32], doubles: Int) -> [UInt8] {
    let sides = shape.flatMap { side in withUnsafeBytes(of: side.littleEndian) { Array($0) } }
    let content =
      tag(6, 8) + [6, 0, 0, 0, 0, 0, 0, 0] + tag(5, UInt32(sides.count)) + sides + [1, 0, 1, 0, 97, 0, 0, 0]
      + tag(9, UInt32(8 * doubles)) + [UInt8](repeating: 0, count: 8 * doubles)
    return tag(14, UInt32(content.count)) + content
  }

  /// A matrix `a` without values, whose dimensions are stored as doubles.
  private func matrix(sides: [Double]) -> [UInt8] {
    let bytes = sides.flatMap { side in withUnsafeBytes(of: side.bitPattern.littleEndian) { Array($0) } }
    var content: [UInt8] = tag(6, 8) + [6, 0, 0, 0, 0, 0, 0, 0]
    content += tag(9, UInt32(bytes.count)) + bytes
    content += [1, 0, 1, 0, 97, 0, 0, 0]
    content += tag(9, 0)
    return tag(14, UInt32(content.count)) + content
  }

  /// Every prefix, and every byte changed in turn, is read or refused, but never believed beyond its end.
  @Test(arguments: ["plain.mat", "compressed.mat"]) func damageIsToldOrHarmless(_ name: String) throws {
    let whole = try bytes(name)
    for count in stride(from: 128, to: whole.count, by: 3) { _ = try reason(Array(whole[..<count])) }
    for index in 124..<whole.count {
      var damaged = whole
      damaged[index] ^= UInt8(1 << (index % 8))
      _ = try reason(damaged)
    }
  }
}

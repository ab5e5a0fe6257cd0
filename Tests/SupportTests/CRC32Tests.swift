import Support
import Testing

@Suite struct CRC32Tests {
  /// The check value of the CRC catalogues, whole and in two parts.
  @Test func itIsThatOfZip() {
    let sum = Array("123456789".utf8).withUnsafeBytes { CRC32.of($0) }
    #expect(sum == 0xCBF4_3926)
    let start = Array("1234".utf8).withUnsafeBytes { CRC32.of($0) }
    #expect(Array("56789".utf8).withUnsafeBytes { CRC32.of($0, continuing: start) } == sum)
  }
}

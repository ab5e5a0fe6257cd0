import Foundation
import Testing

import Fetching

@Suite struct ChecksumTests {
  /// FIPS 180-4 and RFC 1321 give these.
  @Test func knownDigests() throws {
    let abc = Data("abc".utf8)
    #expect(
      try checksum(abc).description == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(try checksum(abc, .md5).description == "md5:900150983cd24fb0d6963f7d28e17f72")
    #expect(try checksum(Data(), .md5).description == "md5:d41d8cd98f00b204e9800998ecf8427e")
    // A million a.
    #expect(
      try checksum(Data(repeating: 97, count: 1_000_000)).digits
        == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    // More than the buffer, and not a multiple of it: three million a, by coreutils' sha256sum.
    #expect(
      try checksum(Data(repeating: 97, count: 3_000_000)).digits
        == "2a152c894398719c0570f83fac34ac03a0f6e8e474b995c2403aa5434f7b9dd4")
  }

  @Test func firstDigitsAreEnough() throws {
    let found = try checksum(Data("abc".utf8))
    #expect(Checksum.sha256("ba7816bf").matches(found))
    #expect(!Checksum.sha256("ba7816be").matches(found))
    #expect(!Checksum.md5("ba7816bf").matches(found))
    #expect(Checksum.sha256("00000000").shortened(found) == .sha256("ba7816bf"))
  }

  @Test(arguments: [
    "sha1:ba7816bf", "sha256:ba7816", "md5:xyzxyzxyz", "ba7816bf", "md5:900150983cd24fb0d6963f7d28e17f7200",
  ])
  func otherTextsAreRefused(_ text: String) {
    #expect(throws: DecodingError.self) { try JSONDecoder().decode([Checksum].self, from: Data("[\"\(text)\"]".utf8)) }
  }
}

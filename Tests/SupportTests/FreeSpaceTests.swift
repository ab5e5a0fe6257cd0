import Foundation
import Support
import Testing

@Suite struct FreeSpaceTests {
  private func bytes(blocks: Int, free: UInt64, size: Int) -> Int? {
    var status = statvfs()
    status.f_blocks = numericCast(blocks)
    status.f_bavail = numericCast(free)
    status.f_frsize = numericCast(size)
    return FreeSpace.bytes(of: status)
  }

  @Test func hugeSizesFitAndNoneIsNoAnswer() {
    #expect(bytes(blocks: 100, free: 10, size: 4096) == 40960)
    #expect(bytes(blocks: 100, free: 0, size: 4096) == 0)
    #expect(bytes(blocks: 100, free: 1 << 62, size: 4096) == Int.max)
    #expect(bytes(blocks: 100, free: .max, size: 1) == Int.max)
    // As some network file systems say it.
    #expect(bytes(blocks: 0, free: 0, size: 4096) == nil)
  }
}

import Foundation
import TestSupport

/// Zip archives that lie about what they hold, or that other programs would read otherwise.
enum HostileArchives {
  private typealias Case = HostileCase

  /// A file that lies within the bytes of another.
  private static let overlapping: Data = {
    var builder = ZipBuilder(pickle: Pickle.whole(Pickle.tensor()))
    let inner = (name: "x/data/7", bytes: Data(count: 4))
    builder.entries.append(("x/data/6", ZipBuilder([inner]).data))
    builder.hidden = inner
    return builder.data
  }()

  static let all: [HostileCase] = [
    Case("the two records that end its zip archive disagree") {
      $0.isZip64 = true
      $0.smallSize = { _ in 46 }
    },
    Case("compressed") { $0.method = 8 },
    Case("encrypted") { $0.flags = 1 },
    Case("occurs twice in the zip archive") { $0.entries.append($0.entries[2]) },
    Case("header that disagrees") { $0.localName = { $0.replacingOccurrences(of: "x/", with: "y/") } },
    Case("reaches into the zip directory") { $0.claimedSize = { $0 + 10_000 } },
    Case("not where the zip directory says") { $0.claimedPosition = { $0 + 1 } },
    Case("zip entry 'x/data.pkl' would start at byte") { $0.claimedPosition = { $0 + 1_000_000 } },
    Case("the length 18446744073709551615") {
      $0.isZip64 = true
      $0.claimedPosition = { _ in -1 }
      $0.claimedSize = { $0 }
    },
    Case("claims 30000 entries") { $0.claimedCount = 30000 },
    Case("bytes more than its entries need") { $0.claimedCount = 3 },
    Case("checksum of data.pkl differs") { $0.checksum = { $0 ^ 1 } },
    Case("big-endian") { $0.entries[1].bytes = Data("big".utf8) },
    Case("0 files data.pkl") { $0.entries[0].name = "x/data.txt" },
    Case("leads out of it") { $0.entries[0].name = "/etc/../data.pkl" },
    Case("2 files data.pkl") { $0.entries.append(("y/data.pkl", Data())) },
    Case("TorchScript") { $0.entries.append(("x/constants.pkl", Data())) },
    Case("header that disagrees") { $0.localMethod = { _ in 8 } },
    Case("header that disagrees") { $0.localFlags = { $0 | 1 } },
    Case("header that disagrees") { $0.localChecksum = { $0 ^ 1 } },
    Case("header that disagrees") { $0.localSize = { $0 + 1 } },
    Case("header that disagrees") {
      $0.hasDescriptors = true
      $0.localFlags = { $0 & ~8 }
    },
    Case("encrypted") { $0.flags = 0x40 },
    Case("data descriptor that disagrees") {
      $0.hasDescriptors = true
      $0.descriptor = { $0.prefix(8) + [$0[8] ^ 1] + $0.dropFirst(9) }
    },
    Case("no data descriptor") {
      $0.hasDescriptors = true
      $0.descriptor = { [$0[0] ^ 1] + $0.dropFirst() }
    },
    Case("0 bytes for its data descriptor") {
      $0.hasDescriptors = true
      $0.descriptor = { _ in Data() }
    },
    Case("13 bytes for its data descriptor") {
      $0.hasDescriptors = true
      $0.descriptor = { $0.prefix(13) }
    },
    // Polyglots: another file before, between or behind what the directory names.
    Case("does not start as a zip") { $0.prefix = Data("#!/bin/sh\n".utf8) },
    Case("before its zip archive's first entry") { $0.prefix = Data("PK\u{3}\u{4}#!/bin/sh\n".utf8) },
    Case("belong to no entry") { $0.filler = Data("<html>".utf8) },
    Case("two ends") { builder in
      builder.comment = "x" + String(decoding: ZipBuilder([]).data, as: UTF8.self)
    },
    Case("leads out of it") { $0.entries.append(("../../etc/passwd", Data())) },
    Case("leads out of it") { $0.entries.append(("x/../../etc/passwd", Data())) },
    Case("leads out of it") { $0.entries.append(("/etc/passwd", Data())) },
    Case("leads out of it") { $0.entries.append(("x\\..\\autoexec.bat", Data())) },
    Case("leads out of it") { $0.entries.append(("x/data.pkl\0.txt", Data())) },
    Case("a name in its zip archive has") { $0.entries.append((String(repeating: "n", count: 2000), Data())) },
    Case("overlaps the next", bytes: overlapping),
    Case("at most 32768") { $0.claimedCount = 60000 },
    Case("its zip64 record would start") {
      $0.isZip64 = true
      $0.record = { _ in 1 << 40 }
    },
    Case("its zip64 record has") {
      $0.isZip64 = true
      $0.recordSize = 40
    },
    Case("its zip64 record has") {
      $0.isZip64 = true
      $0.recordSize = .max >> 1
    },
    Case("has no zip64 record") {
      $0.isZip64 = true
      $0.record = { _ in 0 }
    },
    Case("lacks its zip64 sizes") {
      $0.isZip64 = true
      $0.zip64Kind = 2
    },
  ]
}

import Foundation
import Synchronization
import TestSupport
import Testing

import Fetching

/// What several threads got.
final class Results: Sendable {
  private let results = Mutex<[Result<Fetched, any Error>]>([])
  func add(_ result: Result<Fetched, any Error>) { results.withLock { $0.append(result) } }
  var all: [Result<Fetched, any Error>] { results.withLock { $0 } }
}

@Suite struct DatasetFetchTests {
  private let list = Data("1 2 3\n".utf8)

  /// A data set of an archive with `images/a.png` and `images/b/c.png`, and a list; `spoil` changes what is served.
  private func arrange(
    _ place: Place, contents: [String] = ["images", "list.txt"], archiveBytes: Int? = nil, archive other: Data? = nil
  ) throws -> Asset {
    try place.write("source/images/a.png", noise(5000))
    try place.write("source/images/b/c.png", noise(100, seed: 3))
    let tar = Process()
    tar.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    tar.arguments = ["tar", "-czf", "archive.tar.gz", "-C", "source", "images"]
    tar.currentDirectoryURL = URL(fileURLWithPath: place.path)
    try tar.run()
    tar.waitUntilExit()
    let archive = try other ?? #require(place.contents("\(place.path)/archive.tar.gz"))
    place.server.serve("/d/archive.tar.gz", LoopbackServer.File(archive))
    place.server.serve("/d/list.txt", LoopbackServer.File(list))
    return Asset(
      name: "set", title: "a set", terms: "none",
      files: [
        RemoteFile(
          url: "https://origin.invalid/d/archive.tar.gz", bytes: archiveBytes ?? archive.count,
          checksum: try checksum(archive, .md5)),
        RemoteFile(url: "https://origin.invalid/d/list.txt", bytes: list.count, checksum: try checksum(list, .md5)),
      ], kind: .dataset(contents: contents))
  }

  private func expectWhole(_ place: Place) throws {
    let found = try FileManager.default.subpathsOfDirectory(atPath: "\(place.path)/data").sorted()
    #expect(found == ["images", "images/a.png", "images/b", "images/b/c.png", "list.txt"])
    #expect(place.contents("\(place.path)/data/images/a.png") == noise(5000))
    #expect(!place.exists("\(place.path)/data.fetching"))
  }

  @Test func aFolderIsGathered() throws {
    let place = try Place()
    let asset = try arrange(place)
    #expect(try !place.fetch(asset).wasThere)
    try expectWhole(place)
    #expect(place.events.contains(.unpacking(file: "archive.tar.gz")))
    #expect(try place.fetch(asset).wasThere)
    #expect(place.server.requests.count == 2)
  }

  /// As where a process was killed while tar ran: archives are there, and a part of what they hold.
  @Test func whatWasGatheredServes() throws {
    let place = try Place()
    let asset = try arrange(place)
    let archive = try #require(place.contents("\(place.path)/archive.tar.gz"))
    try place.write("data.fetching/archive.tar.gz", archive)
    try place.write("data.fetching/images/a.png", Data("half".utf8))
    _ = try place.fetch(asset)
    try expectWhole(place)
    #expect(place.server.requests.map(\.path) == ["/d/list.txt"])
  }

  @Test func aFolderOfSomethingElseIsLeftAlone() throws {
    let place = try Place()
    let asset = try arrange(place)
    try place.write("data/mine.txt", list)
    #expect(throws: FetchError.folderTaken(path: "\(place.path)/data", missing: ["images", "list.txt"])) {
      try place.fetch(asset)
    }
    #expect(place.server.requests.isEmpty)
  }

  @Test func archivesWithoutTheContentsAreNoDataSet() throws {
    let place = try Place()
    let asset = try arrange(place, contents: ["images", "labels"])
    #expect(throws: FetchError.incomplete(path: "\(place.path)/data.fetching", missing: ["labels"])) {
      try place.fetch(asset)
    }
    #expect(!place.exists("\(place.path)/data"))
  }

  @Test func tarsOwnWordsAreTold() throws {
    let place = try Place()
    let asset = try arrange(place, archive: Data("no archive".utf8))
    let error = #expect(throws: FetchError.self) { try place.fetch(asset) }
    guard case .notUnpacked("\(place.path)/data.fetching/archive.tar.gz", let reason) = error else {
      throw error ?? FetchError.badURL("no error")
    }
    #expect(reason.contains("gzip"))
  }

  /// URLSession unpacks what is labelled so, and something else than the file would be kept.
  @Test func whatIsCompressedOnItsWayIsRefused() throws {
    let place = try Place()
    let asset = try arrange(place)
    var file = try LoopbackServer.File(#require(place.contents("\(place.path)/archive.tar.gz")))
    // The server writes this as it is, so that it is two headers.
    file.etag = "\"1\"\r\nContent-Encoding: x-gzip"
    place.server.serve("/d/archive.tar.gz", file)
    let expected = FetchError.encoded(
      url: "\(place.server.url)/d/archive.tar.gz", encoding: "x-gzip",
      path: "\(place.path)/data.fetching/archive.tar.gz")
    #expect(throws: expected) { try place.fetch(asset) }
    #expect(expected.description.contains("Content-Encoding x-gzip, expected the file itself. Fetch it by hand"))
    #expect(!place.exists("\(place.path)/data.fetching/archive.tar.gz.part"))
  }

  @Test(arguments: [1 << 60, Int.max]) func aDiskThatIsTooSmallIsToldBefore(archiveBytes: Int) throws {
    let place = try Place()
    let asset = try arrange(place, archiveBytes: archiveBytes)
    let error = #expect(throws: FetchError.self) { try place.fetch(asset) }
    guard case .diskFull("\(place.path)/data.fetching", (1 << 60)..., _) = error else {
      throw error ?? FetchError.badURL("no error")
    }
    #expect(error?.description.contains("Free some, or choose another place") == true)
  }

  @Test func ofSeveralAtOnceOneGathers() throws {
    let place = try Place()
    let (asset, fetcher, folder) = (try arrange(place), try place.fetcher(), "\(place.path)/data")
    let results = Results()
    DispatchQueue.concurrentPerform(iterations: 4) { _ in
      results.add(Result { try fetcher.fetch(asset, to: folder) })
    }
    #expect(try results.all.filter { try !$0.get().wasThere }.count == 1)
    try expectWhole(place)
    #expect(place.server.requests.count == 2)
  }
}

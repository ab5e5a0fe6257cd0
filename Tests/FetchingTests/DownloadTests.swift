import Foundation
import TestSupport
import Testing

import Fetching

@Suite struct DownloadTests {
  private let data = noise(300_000)
  private let path = "/files/model.pth"

  /// The ranges that were asked for, and under which condition.
  private func ranges(_ place: Place) -> [String?] { place.server.requests.map { $0.headers["range"] } }

  @Test func aFileComesOnce() throws {
    let place = try Place()
    place.server.serve(path, LoopbackServer.File(data))
    let asset = try checkpoint(data)
    #expect(try place.fetch(asset) == Fetched(name: "model", path: place.file(), wasThere: false))
    #expect(place.contents(place.file()) == data)
    #expect(place.events.first == .began(url: place.server.url + path, path: place.file(), bytes: 300_000, present: 0))
    #expect(place.events.contains(.receiving(file: "model.pth", bytes: 300_000, total: 300_000)))
    #expect(try place.fetch(asset).wasThere)
    #expect(place.server.requests.count == 1)
    #expect(place.server.requests[0].headers["accept-encoding"] == "identity")
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(place.path)/hub/checkpoints") == ["model.pth"])
  }

  @Test func aCutConnectionGoesOnWhereItEnded() throws {
    let place = try Place()
    var file = LoopbackServer.File(data)
    file.faults = [.cut(after: 100_000), .cut(after: 70_000)]
    place.server.serve(path, file)
    _ = try place.fetch(checkpoint(data))
    #expect(place.contents(place.file()) == data)
    #expect(ranges(place) == [nil, "bytes=100000-", "bytes=170000-"])
    #expect(place.server.requests[1].headers["if-range"] == "\"1\"")
    #expect(place.notes.count == 2 && place.notes[0].contains("after 100 kB; trying again"))
  }

  /// A fetch that fails after `count` bytes, whose part stays.
  private func begin(_ place: Place, _ file: LoopbackServer.File, count: Int = 100_000) throws {
    var file = file
    file.faults = [.cut(after: count)]
    place.server.serve(path, file)
    let asset = try checkpoint(data)
    let error = #expect(throws: FetchError.self) { try place.fetch(asset, attempts: 1) }
    guard case .dropped(_, _, place.file(".part"), count) = error else {
      throw error ?? FetchError.badURL("no error")
    }
    #expect(place.contents(place.file(".part")) == file.body.prefix(count))
    #expect(!place.exists(place.file()))
  }

  @Test func theNextCommandGoesOn() throws {
    let place = try Place()
    try begin(place, LoopbackServer.File(data))
    _ = try place.fetch(checkpoint(data))
    #expect(place.contents(place.file()) == data)
    #expect(ranges(place) == [nil, "bytes=100000-"])
    #expect(!place.exists(place.file(".part")) && !place.exists(place.file(".part.json")))
  }

  @Test func aFileThatChangedBeginsAnew() throws {
    let place = try Place()
    try begin(place, LoopbackServer.File(noise(300_000, seed: 7)))
    var file = LoopbackServer.File(data)
    file.etag = "\"2\""
    place.server.serve(path, file)
    _ = try place.fetch(checkpoint(data))
    #expect(place.contents(place.file()) == data)
    #expect(ranges(place) == [nil, "bytes=100000-"])
    #expect(place.notes == ["model.pth: the file or the server changed; starting again"])
  }

  @Test func aServerWithoutRangesBeginsAnew() throws {
    let place = try Place()
    var file = LoopbackServer.File(data)
    file.hasRanges = false
    try begin(place, file)
    _ = try place.fetch(checkpoint(data))
    #expect(place.contents(place.file()) == data)
    #expect(ranges(place) == [nil, "bytes=100000-"])
  }

  @Test(arguments: [nil, "W/\"1\""]) func whatNothingIdentifiesBeginsAnew(_ etag: String?) throws {
    let place = try Place()
    var file = LoopbackServer.File(data)
    file.etag = etag
    try begin(place, file)
    _ = try place.fetch(checkpoint(data))
    #expect(place.contents(place.file()) == data)
    #expect(ranges(place) == [nil, nil])
  }

  @Test func theTimeOfChangeIdentifiesAFile() throws {
    let place = try Place()
    var file = LoopbackServer.File(data)
    (file.etag, file.lastModified) = ("W/\"1\"", "Wed, 21 Oct 2015 07:28:00 GMT")
    try begin(place, file)
    _ = try place.fetch(checkpoint(data))
    #expect(place.contents(place.file()) == data)
    #expect(place.server.requests[1].headers["if-range"] == "Wed, 21 Oct 2015 07:28:00 GMT")
  }

  /// As where a process is killed between the last byte and the name.
  @Test func aPartThatIsWholeIsOnlyChecked() throws {
    let place = try Place()
    try begin(place, LoopbackServer.File(data))
    try data.write(to: URL(fileURLWithPath: place.file(".part")))
    _ = try place.fetch(checkpoint(data))
    #expect(place.contents(place.file()) == data)
    #expect(ranges(place) == [nil, "bytes=300000-"])
  }

  @Test func aPartThatIsTooLongBeginsAnew() throws {
    let place = try Place()
    try begin(place, LoopbackServer.File(data))
    try noise(300_001).write(to: URL(fileURLWithPath: place.file(".part")))
    _ = try place.fetch(checkpoint(data))
    #expect(place.contents(place.file()) == data)
    #expect(ranges(place) == [nil, "bytes=300001-", nil])
  }

  @Test func wrongBytesGetNoName() throws {
    let place = try Place()
    let wrong = noise(300_000, seed: 2)
    place.server.serve(path, LoopbackServer.File(wrong))
    let asset = try checkpoint(data)
    let expected = FetchError.wrongDownload(
      path: place.file(), url: place.server.url + path,
      found: .sha256(String(try checksum(wrong).digits.prefix(8))), expected: asset.files[0].checksum)
    #expect(throws: expected) { try place.fetch(asset) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(place.path)/hub/checkpoints").isEmpty)
    for word in ["model.pth", asset.files[0].checksum.digits, "It was removed", "Fetch it again"] {
      #expect(expected.description.contains(word))
    }
  }

  @Test func anotherFileAtThePlaceIsLeftAlone() throws {
    let place = try Place()
    let other = Data("mine".utf8)
    try place.write("hub/checkpoints/model.pth", other)
    let asset = try checkpoint(data)
    let error = #expect(throws: FetchError.self) { try place.fetch(asset) }
    #expect(error?.description.contains("there already, but with sha256:") == true)
    #expect(place.contents(place.file()) == other && place.server.requests.isEmpty)
  }

  @Test func theServersRefusalIsFinal() throws {
    let place = try Place()
    let asset = try checkpoint(data)
    #expect(throws: FetchError.refused(url: place.server.url + path, status: 404, path: place.file())) {
      try place.fetch(asset)
    }
    #expect(place.server.requests.count == 1)
    #expect(!place.exists(place.file(".part")))
  }

  @Test func aBusyServerIsAskedAgain() throws {
    let place = try Place()
    var file = LoopbackServer.File(data)
    file.faults = [.status(503)]
    place.server.serve(path, file)
    _ = try place.fetch(checkpoint(data))
    #expect(place.contents(place.file()) == data)
    #expect(place.notes == ["model.pth: the server answers 503, after 0 kB; trying again"])
  }

  @Test func withoutAConnectionTheWayOutIsNamed() throws {
    let place = try Place()
    // A port that was just given free.
    let dead = try LoopbackServer().url
    var fetcher = try Fetcher(mirror: dead, environment: ["TORCH_HOME": place.path])
    // Not even one second is waited for.
    fetcher.waits = [1e9]
    let asset = try checkpoint(data)
    let error = #expect(throws: FetchError.self) { try fetcher.fetch(asset) }
    guard case .offline("127.0.0.1", _, dead + path, place.file()) = error else {
      throw error ?? FetchError.badURL("no error")
    }
    let text = error?.description ?? ""
    #expect(text.hasPrefix("no connection to 127.0.0.1: "))
    #expect(text.contains("Fetch \(dead + path) on another machine and put it at \(place.file())"))
    #expect(!place.exists(place.file(".part")))
    // And what is put there serves.
    try place.write("hub/checkpoints/model.pth", data)
    #expect(try fetcher.fetch(asset).wasThere)
  }

  @Test func redirectsAreFollowed() throws {
    let place = try Place()
    var moved = LoopbackServer.File(Data())
    moved.location = "/elsewhere/model.bin"
    place.server.serve(path, moved)
    var file = LoopbackServer.File(data)
    file.faults = [.cut(after: 50_000)]
    place.server.serve("/elsewhere/model.bin", file)
    _ = try place.fetch(checkpoint(data))
    #expect(place.contents(place.file()) == data)
    #expect(ranges(place) == [nil, nil, "bytes=50000-", "bytes=50000-"])
  }

  @Test func aSilentConnectionIsGivenUp() throws {
    let place = try Place()
    var file = LoopbackServer.File(data)
    file.faults = [.silence(after: 80_000)]
    place.server.serve(path, file)
    var fetcher = try place.fetcher()
    fetcher.stall = 1
    _ = try fetcher.fetch(checkpoint(data))
    #expect(place.contents(place.file()) == data)
    #expect(ranges(place) == [nil, "bytes=80000-"])
  }

  @Test func ofSeveralAtOnceOneFetches() throws {
    let place = try Place()
    var file = LoopbackServer.File(data)
    file.pause = 1
    place.server.serve(path, file)
    let (fetcher, asset) = (try place.fetcher(), try checkpoint(data))
    let results = Results()
    DispatchQueue.concurrentPerform(iterations: 4) { _ in results.add(Result { try fetcher.fetch(asset) }) }
    let wereThere = try results.all.map { try $0.get().wasThere }
    #expect(wereThere.filter { !$0 }.count == 1 && wereThere.count == 4)
    #expect(place.contents(place.file()) == data)
    #expect(place.server.requests.count == 1)
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(place.path)/hub/checkpoints") == ["model.pth"])
  }
}

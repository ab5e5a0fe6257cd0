import Foundation
import FoundationNetworking
import Support

/// Brings one file to its place: resumed where a part of it is there, and checked before it gets its name.
struct Download {
  let file: RemoteFile
  /// Where it is taken from.
  let url: URL
  /// Where it goes.
  let place: String
  /// The seconds before each further attempt; after as many in a row that brought nothing it fails.
  let waits: [Double]
  /// After so many silent seconds a connection is given up.
  let stall: Double

  /// Brings it, if it is not there.
  ///
  /// Returns whether it was there. Throws ``FetchError``, and what `onEvent` throws.
  func run(_ onEvent: (FetchEvent) throws -> Void) throws -> Bool {
    if try isThere(onEvent) { return true }
    try makeFolder(parentFolder(of: place))
    let part = try PartialFile(of: place) {
      try onEvent(.note("another process fetches \(file.name); waiting for it"))
    }
    do {
      // The other process may have brought it.
      if try isThere(onEvent) {
        part.remove()
        return true
      }
      try onEvent(.began(url: url.absoluteString, path: place, bytes: file.bytes, present: part.count))
      try receive(part, onEvent)
    } catch {
      if part.count == 0 { part.remove() }
      throw error
    }
    let found = try checksum(part.path, onEvent)
    guard file.checksum.matches(found) else {
      part.remove()
      throw FetchError.wrongDownload(
        path: place, url: url.absoluteString, found: file.checksum.shortened(found), expected: file.checksum)
    }
    try part.finish()
    return false
  }

  /// Whether the right file is at its place; throws where it is another one.
  private func isThere(_ onEvent: (FetchEvent) throws -> Void) throws -> Bool {
    guard FileManager.default.fileExists(atPath: place) else { return false }
    let found = try checksum(place, onEvent)
    guard file.checksum.matches(found) else {
      throw FetchError.wrongFile(path: place, found: file.checksum.shortened(found), expected: file.checksum)
    }
    return true
  }

  private func checksum(_ path: String, _ onEvent: (FetchEvent) throws -> Void) throws -> Checksum {
    let size = ((try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? NSNumber)?.intValue ?? file.bytes
    return try Checksum.of(path, file.checksum.algorithm) {
      try onEvent(.checking(file: file.name, bytes: $0, total: size))
    }
  }

  /// Attempts until all of it is there.
  private func receive(_ part: PartialFile, _ onEvent: (FetchEvent) throws -> Void) throws {
    var (furthest, fruitless, wasReached) = (part.count, 0, false)
    while true {
      do {
        try attempt(part, &wasReached, onEvent)
        return
      } catch let drop as Transfer.Dropped {
        if drop.isOffline && !wasReached {
          throw FetchError.offline(
            host: url.host ?? "?", reason: drop.reason, url: url.absoluteString, path: place)
        }
        if part.count > furthest { (furthest, fruitless) = (part.count, 0) }
        guard fruitless < waits.count else {
          throw FetchError.dropped(url: url.absoluteString, reason: drop.reason, path: part.path, bytes: part.count)
        }
        try onEvent(.note("\(file.name): \(drop.reason), after \(megabytes(part.count)); trying again"))
        Thread.sleep(forTimeInterval: waits[fruitless])
        fruitless += 1
      }
    }
  }

  /// One request for what is missing.
  private func attempt(
    _ part: PartialFile, _ wasReached: inout Bool, _ onEvent: (FetchEvent) throws -> Void
  ) throws {
    var request = URLRequest(url: url, cachePolicy: .reloadIgnoringLocalCacheData)
    // The file itself: offsets within something compressed would be of no use.
    request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
    request.setValue("gridless", forHTTPHeaderField: "User-Agent")
    if part.count > 0, let validator = part.validator(of: url) {
      // The rest, if the file is still the same; else all of it.
      request.setValue("bytes=\(part.count)-", forHTTPHeaderField: "Range")
      request.setValue(validator, forHTTPHeaderField: "If-Range")
    } else if part.count > 0 {
      try onEvent(.note("\(file.name): nothing tells what \(part.path) is a part of; starting again"))
      try part.clear(of: url)
    }
    let transfer = Transfer(request, stall: stall)
    defer { transfer.cancel() }
    let head = try transfer.head()
    wasReached = true
    if [200, 206].contains(head.status), let encoding = head.encoding {
      throw FetchError.encoded(url: url.absoluteString, encoding: encoding, path: place)
    }
    let total: Int?
    switch (head.status, part.count) {
    case (200, let count):
      if count > 0 { try onEvent(.note("\(file.name): the file or the server changed; starting again")) }
      try part.clear(head.validator, of: url)
      total = head.length
    case (206, 1...) where head.range?.start == part.count:
      total = head.range?.total
    case (416, 1...):
      if head.range?.total == part.count { return }
      fallthrough
    case (206, 1...):
      try part.clear(of: url)
      throw Transfer.Dropped(reason: "the server gave another part than asked")
    case (408, _), (429, _), (500..., _):
      throw Transfer.Dropped(reason: "the server answers \(head.status)")
    default:
      throw FetchError.refused(url: url.absoluteString, status: head.status, path: place)
    }
    // What an archive holds takes about as much again.
    let (bytes, unpacked) = (min(total ?? file.bytes, 1 << 60), file.isArchive ? min(file.bytes, 1 << 60) : 0)
    try requireSpace(bytes - part.count + unpacked, in: parentFolder(of: place))
    while let data = try transfer.data() {
      try part.append(data)
      try onEvent(.receiving(file: file.name, bytes: part.count, total: total ?? file.bytes))
    }
    if let total, part.count < total { throw Transfer.Dropped(reason: "the connection ended early") }
  }
}

/// Throws ``FetchError/diskFull(folder:needed:available:)`` where a folder's file system has less room.
func requireSpace(_ bytes: Int, in folder: String) throws(FetchError) {
  guard let available = FreeSpace.bytes(at: folder), available < bytes else { return }
  throw .diskFull(folder: folder, needed: bytes, available: available)
}

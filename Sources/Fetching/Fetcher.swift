import Foundation
import Support

/// What happens while something is fetched.
public enum FetchEvent: Equatable, Sendable {
  /// Something that the user should know.
  case note(String)
  /// A file is asked for, of about so many bytes, of which `present` are there.
  case began(url: String, path: String, bytes: Int, present: Int)
  /// So many bytes of a file are there.
  case receiving(file: String, bytes: Int, total: Int)
  /// So many bytes of a file are part of its checksum.
  case checking(file: String, bytes: Int, total: Int)
  /// An archive is being unpacked.
  case unpacking(file: String)
}

/// What was fetched.
public struct Fetched: Codable, Equatable, Sendable {
  /// The asset's name.
  public let name: String
  /// The checkpoint, or the data set's folder.
  public let path: String
  /// Whether it was there already.
  public let wasThere: Bool

  package init(name: String, path: String, wasThere: Bool) {
    (self.name, self.path, self.wasThere) = (name, path, wasThere)
  }
}

/// Brings assets to their places.
///
/// ```swift
/// let fetcher = try Fetcher()
/// let weights = try fetcher.fetch(Catalog().asset(named: "resnet50")).path
/// ```
public struct Fetcher: Sendable {
  /// The variable that names a mirror where none is given.
  public static let mirrorVariable = "GRIDLESS_MIRROR"

  /// Takes the place of every origin's scheme and host; the paths stay.
  public let mirror: URL?
  /// The folder of checkpoints: torch hub's, so that PyTorch finds them, too.
  public let checkpoints: String

  package var waits: [Double] = [1, 2, 4, 8]
  package var stall = 60.0

  /// A fetcher with a mirror, if one is named here or by ``mirrorVariable``.
  ///
  /// Checkpoints go to `$TORCH_HOME/hub/checkpoints`, where `TORCH_HOME` is by default `torch` in `$XDG_CACHE_HOME` or
  /// `~/.cache`. Throws ``FetchError/badMirror(_:)``.
  public init(
    mirror: String? = nil, environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws(FetchError) {
    func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    self.mirror = try (mirror ?? variable(Self.mirrorVariable)).map { text throws(FetchError) in
      guard let url = Self.address(text) else { throw .badMirror(text) }
      return url
    }
    let cache = variable("XDG_CACHE_HOME") ?? "\(variable("HOME") ?? NSHomeDirectory())/.cache"
    checkpoints = (variable("TORCH_HOME") ?? "\(cache)/torch") + "/hub/checkpoints"
  }

  /// Where an asset goes: a checkpoint to torch hub's cache, a data set to `folder`, or to `data/NAME`.
  public func place(of asset: Asset, folder: String? = nil) -> String {
    guard asset.isDataset else { return "\(checkpoints)/\(asset.files.first?.name ?? asset.name)" }
    return withoutTrailingSlashes(folder ?? "data/\(asset.name)")
  }

  /// Brings an asset to its place, if it is not there.
  ///
  /// A file that is there is checked again; of a data set's folder only its contents' names. Throws ``FetchError``, and
  /// what `onEvent` throws.
  public func fetch(
    _ asset: Asset, to folder: String? = nil, onEvent: (FetchEvent) throws -> Void = { _ in }
  ) throws -> Fetched {
    let place = place(of: asset, folder: folder)
    let wasThere: Bool
    switch asset.kind {
    case .checkpoint: wasThere = try asset.files.first.map { try bring($0, to: place, onEvent) } ?? true
    case .dataset(let contents): wasThere = try gather(asset.files, contents, in: place, onEvent)
    }
    return Fetched(name: asset.name, path: place, wasThere: wasThere)
  }

  private func bring(_ file: RemoteFile, to place: String, _ onEvent: (FetchEvent) throws -> Void) throws -> Bool {
    try Download(file: file, url: try address(of: file), place: place, waits: waits, stall: stall).run(onEvent)
  }

  /// Gathers a data set in `FOLDER.fetching`, which gets the folder's name once all is there.
  private func gather(
    _ files: [RemoteFile], _ contents: [String], in folder: String, _ onEvent: (FetchEvent) throws -> Void
  ) throws -> Bool {
    func missing(in folder: String) -> [String] {
      contents.filter { !FileManager.default.fileExists(atPath: "\(folder)/\($0)") }
    }
    func isThere() throws(FetchError) -> Bool {
      guard FileManager.default.fileExists(atPath: folder) else { return false }
      guard missing(in: folder).isEmpty else { throw .folderTaken(path: folder, missing: missing(in: folder)) }
      return true
    }
    if try isThere() { return true }
    let work = "\(folder).fetching"
    let lock = try Lock(work, flags: O_RDONLY | O_DIRECTORY) {
      try onEvent(.note("another process fetches \(folder); waiting for it"))
    }
    if try isThere() {
      rmdir(work)
      return true
    }
    for file in files { _ = try bring(file, to: "\(work)/\(file.name)", onEvent) }
    let archives = files.filter(\.isArchive)
    for archive in archives {
      try onEvent(.unpacking(file: archive.name))
      try requireSpace(archive.bytes, in: work)
      try unpack(archive.name, in: work, holding: lock)
    }
    guard missing(in: work).isEmpty else { throw FetchError.incomplete(path: work, missing: missing(in: work)) }
    // What tar wrote must be on the disk before the name says so.
    sync()
    guard rename(work, folder) == 0 else {
      throw FetchError.unusable(path: work, operation: "rename it to \(folder)", code: errno)
    }
    syncFolder(of: folder)
    for archive in archives { unlink("\(folder)/\(archive.name)") }
    return false
  }

  /// Runs tar, with the folder's lock as its standard input: where this process is killed, the next one waits until tar
  /// has ended, too.
  private func unpack(_ archive: String, in folder: String, holding lock: Lock) throws {
    let (tar, errors) = (Process(), Pipe())
    tar.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    tar.arguments = ["tar", "-xzf", archive, "--no-same-owner"]
    tar.currentDirectoryURL = URL(fileURLWithPath: folder)
    tar.standardInput = FileHandle(fileDescriptor: lock.descriptor, closeOnDealloc: false)
    tar.standardOutput = FileHandle.nullDevice
    tar.standardError = errors
    do { try tar.run() } catch { throw FetchError.notUnpacked(path: "\(folder)/\(archive)", reason: "\(error)") }
    let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    tar.waitUntilExit()
    guard tar.terminationReason == .exit, tar.terminationStatus == 0 else {
      let line = said.split(whereSeparator: \.isNewline).first.map(String.init)
      throw FetchError.notUnpacked(path: "\(folder)/\(archive)", reason: line ?? "status \(tar.terminationStatus)")
    }
  }

  /// Where a file is taken from.
  package func address(of file: RemoteFile) throws(FetchError) -> URL {
    guard let origin = Self.address(file.url) else { throw .badURL(file.url) }
    guard let mirror, var parts = URLComponents(url: origin, resolvingAgainstBaseURL: false) else { return origin }
    (parts.scheme, parts.host, parts.port) = (mirror.scheme, mirror.host, mirror.port)
    let folder = mirror.path.hasSuffix("/") ? String(mirror.path.dropLast()) : mirror.path
    parts.path = folder + parts.path
    guard let url = parts.url else { throw .badURL(file.url) }
    return url
  }

  private static func address(_ text: String) -> URL? {
    guard let url = URL(string: text), ["http", "https"].contains(url.scheme), url.host?.isEmpty == false else {
      return nil
    }
    return url
  }
}

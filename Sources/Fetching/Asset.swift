import Foundation

/// A file that somebody publishes.
public struct RemoteFile: Codable, Equatable, Sendable {
  /// Where it lies.
  public let url: String
  /// Its size, exactly or nearly, for the progress and the room on the disk.
  public let bytes: Int
  /// What it must be.
  public let checksum: Checksum

  package init(url: String, bytes: Int, checksum: Checksum) {
    (self.url, self.bytes, self.checksum) = (url, bytes, checksum)
  }

  /// Reads one of a catalogue.
  ///
  /// Throws `DecodingError`, also for a size below 0 or above 2⁵⁰ bytes.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    url = try container.decode(String.self, forKey: .url)
    bytes = try container.decode(Int.self, forKey: .bytes)
    checksum = try container.decode(Checksum.self, forKey: .checksum)
    guard (0...1 << 50).contains(bytes) else {
      throw DecodingError.dataCorruptedError(
        forKey: .bytes, in: container, debugDescription: "bytes are \(bytes), expected 0 to 2^50")
    }
  }

  /// Its name: the last part of the URL.
  public var name: String { URL(string: url)?.lastPathComponent ?? url }

  /// Whether it is unpacked.
  var isArchive: Bool { name.hasSuffix(".tgz") || name.hasSuffix(".tar.gz") }
}

/// A checkpoint or a data set that is fetched by name.
public struct Asset: Codable, Equatable, Sendable {
  /// What is made of its files.
  public enum Kind: Codable, Equatable, Sendable {
    /// One file, which goes to torch hub's cache.
    case checkpoint
    /// A folder, in which archives are unpacked; `contents` are files and folders that must then be there.
    case dataset(contents: [String])
  }

  /// The name on the command line; that of a network's official checkpoint is the network's.
  public let name: String
  /// What it is.
  public let title: String
  /// What is said of its use.
  public let terms: String
  /// Its files.
  public let files: [RemoteFile]
  /// What is made of them.
  public let kind: Kind

  package init(name: String, title: String, terms: String, files: [RemoteFile], kind: Kind) {
    (self.name, self.title, self.terms, self.files, self.kind) = (name, title, terms, files, kind)
  }

  /// The size of all files, exactly or nearly.
  public var bytes: Int { files.reduce(0) { $0 + $1.bytes } }

  /// Whether it is a folder of data.
  public var isDataset: Bool { kind != .checkpoint }
}

import Foundation
import Support

/// Why something was not fetched: each message says what was found, what was expected and what to do.
public enum FetchError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A name that the catalogue lacks.
  case unknown(name: String, known: [String])
  /// A catalogue of the user's own that cannot be read.
  case unusableCatalog(path: String, reason: String)
  /// A mirror that is no address.
  case badMirror(String)
  /// An address in the catalogue that is none.
  case badURL(String)
  /// The host cannot be reached.
  case offline(host: String, reason: String, url: String, path: String)
  /// The server answered, but not with the file.
  case refused(url: String, status: Int, path: String)
  /// The server compresses the file on its way, so that what arrives is not what was published.
  case encoded(url: String, encoding: String, path: String)
  /// The connection broke again and again.
  case dropped(url: String, reason: String, path: String, bytes: Int)
  /// What came is not what was published; it was removed.
  case wrongDownload(path: String, url: String, found: Checksum, expected: Checksum)
  /// What lies at the place is not what was published.
  case wrongFile(path: String, found: Checksum, expected: Checksum)
  /// Too little room.
  case diskFull(folder: String, needed: Int, available: Int)
  /// The system refused an operation on a file.
  case unusable(path: String, operation: String, code: Int32)
  /// Something else lies where a data set is to go.
  case folderTaken(path: String, missing: [String])
  /// An archive that was not unpacked.
  case notUnpacked(path: String, reason: String)
  /// Archives that do not hold what the data set is made of.
  case incomplete(path: String, missing: [String])
  /// libcrypto refuses a digest, as one that is set up for FIPS refuses MD5.
  case noDigest(Checksum.Algorithm)

  /// The message for the user.
  public var description: String {
    switch self {
    case .unknown(let name, let known):
      "'\(name)': nothing of that name can be fetched. Expected one of \(known.joined(separator: ", "))."
    case .unusableCatalog(let path, let reason):
      "\(path): not a catalogue (\(reason)). Correct it, or unset \(Catalog.variable)."
    case .badMirror(let text):
      "mirror '\(text)': expected an address such as https://mirror.example.org, whose paths are those of the origin."
    case .badURL(let text): "'\(text)': not an address that can be fetched. Correct the catalogue."
    case .offline(let host, let reason, let url, let path):
      "no connection to \(host): \(reason). Fetch \(url) on another machine and put it at \(path), or name a mirror in "
        + "\(Fetcher.mirrorVariable)."
    case .refused(let url, let status, let path):
      "\(url): the server answers \(status), expected 200. If the file has moved, fetch it by hand and put it at "
        + "\(path), or name a mirror in \(Fetcher.mirrorVariable)."
    case .encoded(let url, let encoding, let path):
      "\(url): the server sends it as Content-Encoding \(encoding), expected the file itself. Fetch it by hand and put "
        + "it at \(path), or name a mirror in \(Fetcher.mirrorVariable)."
    case .dropped(let url, let reason, let path, let bytes):
      "\(url): the connection broke again and again (\(reason)). \(megabytes(bytes)) are kept in \(path); the same "
        + "command goes on from there."
    case .wrongDownload(let path, let url, let found, let expected):
      "\(path): what came from \(url) has \(found), expected \(expected). It was removed. Fetch it again; if that does "
        + "not help, the server or something on the way gives another file."
    case .wrongFile(let path, let found, let expected):
      "\(path): there already, but with \(found), expected \(expected). Move it away, and fetch again."
    case .diskFull(let folder, let needed, let available):
      "\(folder): \(megabytes(needed)) are needed, \(megabytes(available)) are free. Free some, or choose another place by "
        + "--out (of data) or TORCH_HOME (of checkpoints)."
    case .unusable(let path, let operation, let code):
      "\(path): cannot \(operation) (\(systemMessage(code))). Check the folder, its permissions and free space."
    case .folderTaken(let path, let missing):
      "\(path): there already, but without \(missing.joined(separator: ", ")). Move it away, or pass another --out."
    case .notUnpacked(let path, let reason):
      "\(path): tar could not unpack it (\(reason)). Check that tar and gzip are installed, and the free space."
    case .incomplete(let path, let missing):
      "\(path): \(missing.joined(separator: ", ")) is missing in what was unpacked. Remove the folder, and fetch again."
    case .noDigest(let algorithm):
      "libcrypto does not compute \(algorithm.rawValue), so nothing can be checked. Look at OpenSSL's configuration."
    }
  }
}

/// Bytes in words, in units of a million.
package func megabytes(_ bytes: Int) -> String {
  // A server or a catalogue may claim any size.
  let bytes = min(bytes, 1 << 62)
  return bytes < 1_000_000 ? "\((bytes + 500) / 1000) kB" : "\((bytes + 500_000) / 1_000_000) MB"
}

import CCrypto
import Foundation

/// What tells that a file came whole and is the one that was published: a digest, or its first digits.
///
/// In text form `sha256:11ad3fa6` or `md5:…`. torchvision publishes the first eight digits of a checkpoint's SHA-256,
/// in its name, and the MD5 of data sets. MD5 tells damage, but not ill will.
public struct Checksum: Equatable, Sendable, CustomStringConvertible {
  /// The digests that are published.
  public enum Algorithm: String, Sendable {
    /// SHA-256 (FIPS 180-4).
    case sha256
    /// MD5 (RFC 1321).
    case md5

    fileprivate var digits: Int { self == .sha256 ? 64 : 32 }
    fileprivate var implementation: OpaquePointer? { self == .sha256 ? EVP_sha256() : EVP_md5() }
  }

  /// The digest.
  public let algorithm: Algorithm
  /// Its hexadecimal digits, or the first of them, in lower case.
  public let digits: String

  /// SHA-256, or its first digits.
  public static func sha256(_ digits: String) -> Checksum { Checksum(algorithm: .sha256, digits: digits) }
  /// MD5.
  public static func md5(_ digits: String) -> Checksum { Checksum(algorithm: .md5, digits: digits) }

  /// The text form.
  public var description: String { "\(algorithm.rawValue):\(digits)" }

  /// The digest of what lies in a file now, read from the disk.
  ///
  /// `onProgress` is told how many bytes are behind. Throws ``FetchError``, and what `onProgress` throws.
  package static func of(
    _ path: String, _ algorithm: Algorithm, onProgress: (Int) throws -> Void = { _ in }
  ) throws -> Checksum {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FetchError.unusable(path: path, operation: "open", code: errno) }
    defer { close(descriptor) }
    let context = EVP_MD_CTX_new()
    defer { EVP_MD_CTX_free(context) }
    guard let context, EVP_DigestInit_ex(context, algorithm.implementation, nil) == 1 else {
      throw FetchError.noDigest(algorithm)
    }
    var (buffer, behind) = ([UInt8](repeating: 0, count: 1 << 20), 0)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw FetchError.unusable(path: path, operation: "read", code: errno) }
      if count == 0 { break }
      guard EVP_DigestUpdate(context, buffer, count) == 1 else { throw FetchError.noDigest(algorithm) }
      behind += count
      try onProgress(behind)
    }
    var (digest, length) = ([UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE)), UInt32(0))
    guard EVP_DigestFinal_ex(context, &digest, &length) == 1 else { throw FetchError.noDigest(algorithm) }
    let digits = digest.prefix(Int(length)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    return Checksum(algorithm: algorithm, digits: digits)
  }

  /// Whether a whole digest begins with these digits.
  package func matches(_ found: Checksum) -> Bool { algorithm == found.algorithm && found.digits.hasPrefix(digits) }

  /// The first digits of a whole digest, as many as this one has.
  package func shortened(_ found: Checksum) -> Checksum {
    Checksum(algorithm: found.algorithm, digits: String(found.digits.prefix(digits.count)))
  }
}

extension Checksum: Codable {
  /// Reads the text form; at least eight digits are wanted.
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    let parts = text.split(separator: ":")
    guard parts.count == 2, let algorithm = Algorithm(rawValue: String(parts[0])),
      (8...algorithm.digits).contains(parts[1].count), parts[1].allSatisfy({ "0123456789abcdef".contains($0) })
    else {
      throw DecodingError.dataCorrupted(
        DecodingError.Context(
          codingPath: decoder.codingPath,
          debugDescription: "checksum '\(text)', expected sha256: or md5: and at least 8 hexadecimal digits"))
    }
    (self.algorithm, digits) = (algorithm, String(parts[1]))
  }

  /// Writes the text form.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

import Foundation
import Support

/// Tensors in several files, safetensors or PyTorch's, that an index names.
///
/// The index is validated, every shard must be there, beside it, and have the tensors that the index says. What a shard
/// holds beyond them is not read.
public final class ShardedFile: StoredTensors {
  /// The path of the index.
  public let path: String
  /// Names and shapes of all tensors, in the index's order.
  public let shapes: [(name: String, shape: [Int])]

  private let shards: [any StoredTensors]
  private let places: [String: Int]
  private let index: Data

  /// Reads the index at `path` and opens its shards.
  ///
  /// Throws `WeightsError` for an index that is not sound, for a shard that is missing or not sound, and for a tensor
  /// that its shard does not hold.
  public init(path: String) throws {
    index = try Self.read(path)
    let parsed = try Self.parse(index, path: path)
    var shards: [any StoredTensors] = []
    var shapes: [[String: [Int]]] = []
    for (number, name) in parsed.shards.enumerated() {
      let file = sibling(name, of: path)
      guard FileManager.default.fileExists(atPath: file) else {
        throw WeightsError.unusable(
          path: path,
          problem: "its shard '\(name)' (\(number + 1) of \(parsed.shards.count)) is missing: \(file) is not there",
          advice: "Fetch all of its shards into one folder.")
      }
      let shard = try TensorFile.openWhole(file)
      shards.append(shard)
      shapes.append(Dictionary(shard.shapes.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first }))
    }
    self.shapes = try parsed.tensors.map { name, shard in
      guard let shape = shapes[shard][name] else {
        throw WeightsError.unusable(
          path: path, problem: "its shard '\(parsed.shards[shard])' has no tensor '\(name)'",
          advice: "Fetch the index and its shards again; they belong to different files.")
      }
      return (name, shape)
    }
    places = Dictionary(uniqueKeysWithValues: parsed.tensors.map { ($0.name, $0.shard) })
    (self.path, self.shards) = (path, shards)
  }

  /// The elements of the tensor called `name`, outermost side first, whatever its type, rounded to nearest.
  ///
  /// Throws `WeightsError.noTensor`, and what the shard throws.
  public func floats(_ name: String) throws -> [Float] { try shard(of: name).floats(name) }

  /// The elements of `part` of the tensor called `name`, counted in its order.
  ///
  /// Throws as ``floats(_:)``, and `WeightsError` where the tensor is shorter.
  public func floats(_ name: String, part: Range<Int>) throws -> [Float] {
    try shard(of: name).floats(name, part: part)
  }

  /// The tensor called `name` in its stored type, a copy.
  ///
  /// Throws as ``floats(_:)``.
  public func array(_ name: String) throws -> NamedArray { try shard(of: name).array(name) }

  /// The CRC-32 of the index and of the shards' checksums, in the index's order.
  public func checksum() -> UInt32 {
    var crc = index.withUnsafeBytes { CRC32.of($0) }
    for shard in shards {
      crc = withUnsafeBytes(of: shard.checksum().littleEndian) { CRC32.of($0, continuing: crc) }
    }
    return crc
  }

  private func shard(of name: String) throws(WeightsError) -> any StoredTensors {
    guard let place = places[name] else { throw .noTensor(path: path, name: name) }
    return shards[place]
  }

  private static func read(_ path: String) throws(WeightsError) -> Data {
    // One byte more than may be, so that a longer one shows.
    let data = try FileMapping.start(of: path, count: ShardIndex.maximumLength + 1)
    guard data.count <= ShardIndex.maximumLength else {
      throw .unusable(
        path: path,
        problem: "it begins as JSON does, and has more than the \(ShardIndex.maximumLength) bytes of an index",
        advice: "Pass a safetensors or PyTorch file, or the index of its shards.")
    }
    return data
  }

  /// The index in `data`; `path` is what errors name.
  package static func parse(_ data: Data, path: String) throws(WeightsError) -> ShardIndex {
    let parsed = data.withUnsafeBytes { bytes in
      Result { () throws(JSONProblem) in try ShardIndex(bytes) }
    }
    switch parsed {
    case .success(let index): return index
    case .failure(let error):
      throw .unusable(
        path: path, problem: "not a sound index of shards (\(error.text))",
        advice: "Fetch it again, or pass a safetensors or PyTorch file.")
    }
  }
}

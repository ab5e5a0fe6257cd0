import Support

/// Opens weights by what a path holds, whatever its name.
public enum TensorFile {
  /// The tensors of a safetensors file, a PyTorch file, an index of shards, or a folder with one of these.
  ///
  /// In a folder the file is chosen as ``WeightsFolder`` tells. Throws `WeightsError` for what is none of them, or not
  /// sound.
  public static func open(_ path: String) throws -> any StoredTensors {
    let file = try FileKind(path) == .folder ? WeightsFolder.file(in: path) : path
    let start = [UInt8](try FileMapping.start(of: file, count: 512))
    return isIndex(start) ? try ShardedFile(path: file) : try openWhole(file, start)
  }

  /// A safetensors or PyTorch file: what a shard may be.
  static func openWhole(_ path: String) throws -> any StoredTensors {
    try openWhole(path, [UInt8](try FileMapping.start(of: path, count: 512)))
  }

  private static func openWhole(_ path: String, _ start: [UInt8]) throws -> any StoredTensors {
    // A safetensors header begins with its length in 8 bytes, the last ones of which are 0, and a brace. It is told
    // first, as the length's first bytes may look like another format's.
    if start.count > 8, start[8] == 0x7B, start[4..<8].allSatisfy({ $0 == 0 }) {
      return try SafetensorsFile(path: path)
    }
    if let other = ForeignFormat(start) {
      throw WeightsError.unusable(path: path, problem: other.problem, advice: other.advice)
    }
    let isTar = start.count > 262 && start[257..<262].elementsEqual("ustar".utf8)
    let isPyTorch = start.starts(with: Array("PK".utf8)) || start.first == 0x80
    return isPyTorch || isTar ? try PyTorchFile(path: path) : try SafetensorsFile(path: path)
  }

  /// Whether a file that begins so is JSON, as indices are.
  ///
  /// The length in front of a safetensors header may look like a brace, but ends with zeros.
  private static func isIndex(_ start: [UInt8]) -> Bool {
    let first = start.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
    return first == UInt8(ascii: "{") && !start.prefix(8).contains(0)
  }
}

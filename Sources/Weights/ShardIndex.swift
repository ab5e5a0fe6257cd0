/// An index of shards: which file holds which tensor.
///
/// It is a JSON object whose `weight_map` has a file name for each tensor; what else it has is skipped. Source: the
/// files `model.safetensors.index.json` and `pytorch_model.bin.index.json` of Hugging Face's transformers.
package struct ShardIndex {
  /// The shards' names, each once, in the order in which they are first named.
  package private(set) var shards: [String] = []
  /// The tensors in the index's order, each with the position of its shard.
  package private(set) var tensors: [(name: String, shard: Int)] = []

  /// The longest index that is read, in bytes.
  static let maximumLength = 16_000_000
  private static let (mostTensors, mostShards) = (65536, 1024)

  /// Reads a whole index; throws `JSONProblem`.
  init(_ bytes: UnsafeRawBufferPointer) throws(JSONProblem) {
    var json = JSONScanner(bytes, of: "index")
    var keys = Set<String>()
    try json.object { (json, key) throws(JSONProblem) in
      guard keys.insert(key).inserted else { throw JSONProblem("the key '\(key)' occurs twice") }
      guard keys.count <= 64 else { throw JSONProblem("it has more than 64 keys") }
      if key == "weight_map" { try readMap(&json) } else { try json.skipValue() }
    }
    try json.end()
    guard keys.contains("weight_map") else { throw JSONProblem("it has no weight_map") }
    guard !tensors.isEmpty else { throw JSONProblem("its weight_map is empty") }
  }

  private mutating func readMap(_ json: inout JSONScanner) throws(JSONProblem) {
    var names = Set<String>()
    var positions: [String: Int] = [:]
    try json.object { (json, name) throws(JSONProblem) in
      let shard = try json.string()
      guard names.insert(name).inserted else { throw JSONProblem("the tensor '\(name)' occurs twice") }
      guard names.count <= Self.mostTensors else { throw JSONProblem("it has more than \(Self.mostTensors) tensors") }
      if positions[shard] == nil {
        // A path would lead out of the folder.
        guard Self.isFileName(shard) else { throw JSONProblem("'\(shard)' is no name of a file beside the index") }
        guard shards.count < Self.mostShards else { throw JSONProblem("it has more than \(Self.mostShards) shards") }
        positions[shard] = shards.count
        shards.append(shard)
      }
      tensors.append((name, positions[shard] ?? 0))
    }
  }

  /// Whether `name` is that of a file in a folder, and no path.
  static func isFileName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= 255 && name != "." && name != ".."
      && !name.utf8.contains { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") || $0 < 0x20 }
  }
}

/// One tensor's entry in a safetensors header.
public struct TensorInfo: Equatable, Sendable {
  /// The tensor's name, such as `layer1.0.conv1.weight`.
  public let name: String
  /// The type of its elements.
  public let dtype: ScalarType
  /// Its sides, outermost first; empty for a scalar.
  public let shape: [Int]
  /// Where its bytes lie, counted from the end of the header (`data_offsets` in the specification).
  public let byteRange: Range<Int>

  /// The number of elements.
  public var count: Int { byteRange.count / dtype.byteCount }
}

/// The parsed header of a safetensors file: a JSON object of tensors by name, and `__metadata__`.
///
/// Only that shape is accepted, so that no nesting recurses and nothing is built for what would be refused later.
/// Source: the safetensors specification, section *Format*.
struct SafetensorsHeader {
  /// The longest header accepted, in bytes; the reference implementation accepts 100 MB, for which nobody has a use.
  static let maximumLength = 16_000_000
  /// The most tensors, and the most dimensions of one.
  private static let (mostTensors, mostDimensions) = (131_072, 16)
  /// The most keys of metadata, and the longest value in bytes.
  private static let (mostKeys, longestValue) = (16384, 4_000_000)

  private(set) var metadata: [String: String] = [:]
  /// In the order of their bytes.
  private(set) var tensors: [TensorInfo] = []

  /// Parses `bytes`, a whole header, for a file with `dataCount` bytes after it; throws `JSONProblem`.
  init(bytes: UnsafeRawBufferPointer, dataCount: Int) throws(JSONProblem) {
    guard bytes.first == UInt8(ascii: "{") else { throw JSONProblem("its header does not start with '{'") }
    var json = JSONScanner(bytes)
    var names = Set<String>()
    try json.object { (json, name) throws(JSONProblem) in
      guard names.insert(name).inserted else { throw JSONProblem("the name '\(name)' occurs twice") }
      if name == "__metadata__" {
        metadata = try Self.metadata(&json)
      } else {
        guard tensors.count < Self.mostTensors else {
          throw JSONProblem("it has more than \(Self.mostTensors) tensors")
        }
        tensors.append(try Self.tensor(name, &json))
      }
    }
    try json.end()
    try checkLayout(dataCount: dataCount)
  }

  private static func metadata(_ json: inout JSONScanner) throws(JSONProblem) -> [String: String] {
    var result: [String: String] = [:]
    try json.object { (json, key) throws(JSONProblem) in
      let value = try json.string(atMost: longestValue)
      guard result.count < mostKeys else { throw JSONProblem("its metadata has more than \(mostKeys) keys") }
      guard result.updateValue(value, forKey: key) == nil else {
        throw JSONProblem("the metadata key '\(key)' occurs twice")
      }
    }
    return result
  }

  private static func tensor(_ name: String, _ json: inout JSONScanner) throws(JSONProblem) -> TensorInfo {
    var typeName: String?
    var shape: [Int]?
    var offsets: [Int]?
    try json.object { (json, key) throws(JSONProblem) in
      switch key {
      case "dtype" where typeName == nil: typeName = try json.string()
      case "shape" where shape == nil: shape = try json.integers(atMost: mostDimensions)
      case "data_offsets" where offsets == nil: offsets = try json.integers(atMost: 2)
      default: throw JSONProblem("tensor '\(name)' has an unknown or repeated key '\(key)'")
      }
    }
    guard let typeName, let shape, let offsets else {
      throw JSONProblem("tensor '\(name)' lacks one of dtype, shape, data_offsets")
    }
    guard let dtype = ScalarType(rawValue: typeName) else {
      let known = ScalarType.allCases.map(\.rawValue).joined(separator: " ")
      throw JSONProblem("tensor '\(name)' has the unknown dtype '\(typeName)', expected one of \(known)")
    }
    guard offsets.count == 2, offsets[0] <= offsets[1] else {
      throw JSONProblem("tensor '\(name)' has data_offsets \(offsets), expected [begin, end]")
    }
    let range = offsets[0]..<offsets[1]
    guard let expected = dtype.byteCount(shape: shape) else {
      throw JSONProblem("the size of tensor '\(name)', \(typeName) \(shape), overflows")
    }
    guard range.count == expected else {
      throw JSONProblem("tensor '\(name)', \(typeName) \(shape), needs \(expected) bytes but spans \(range.count)")
    }
    return TensorInfo(name: name, dtype: dtype, shape: shape, byteRange: range)
  }

  /// Puts the tensors in the order of their bytes, which must follow one another from 0 to `dataCount`.
  private mutating func checkLayout(dataCount: Int) throws(JSONProblem) {
    tensors.sort {
      ($0.byteRange.lowerBound, $0.byteRange.upperBound) < ($1.byteRange.lowerBound, $1.byteRange.upperBound)
    }
    var end = 0
    for tensor in tensors {
      let begin = tensor.byteRange.lowerBound
      guard begin == end else {
        let fault = begin > end ? "a hole of \(begin - end) bytes before" : "\(end - begin) bytes overlap in"
        throw JSONProblem("\(fault) tensor '\(tensor.name)'")
      }
      end = tensor.byteRange.upperBound
    }
    guard end == dataCount else {
      let hint = end > dataCount ? "it is truncated" : "\(dataCount - end) bytes belong to no tensor"
      throw JSONProblem("its tensors need \(end) bytes, \(dataCount) follow the header: \(hint)")
    }
  }
}

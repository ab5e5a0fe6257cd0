import Weights

/// Named tensors in memory, in place of a file.
struct MemorySource: TensorSource {
  let arrays: [(name: String, shape: [Int], values: [Float])]
  var path: String { "memory" }

  init(arrays: [(name: String, shape: [Int], values: [Float])]) { self.arrays = arrays }

  /// Of arrays of float32.
  init(_ arrays: [NamedArray]) {
    self.arrays = arrays.map { ($0.name, $0.shape, $0.bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }) }
  }

  var shapes: [(name: String, shape: [Int])] { arrays.map { ($0.name, $0.shape) } }

  func floats(_ name: String) throws -> [Float] {
    guard let array = arrays.first(where: { $0.name == name }) else {
      throw WeightsError.noTensor(path: path, name: name)
    }
    return array.values
  }

  func floats(_ name: String, part: Range<Int>) throws -> [Float] { Array(try floats(name)[part]) }
}

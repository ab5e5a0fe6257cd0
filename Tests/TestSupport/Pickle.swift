import Foundation

/// Pieces of pickles.
package enum Pickle {
  package static let start = Data([0x80, 2])
  package static let stop = Data(".".utf8)

  package static func text(_ text: String) -> Data { Data([0x8C, UInt8(text.utf8.count)]) + Data(text.utf8) }

  package static func integer(_ number: Int) -> Data {
    Data([0x8A, 8]) + withUnsafeBytes(of: Int64(number).littleEndian) { Data($0) }
  }

  package static func global(_ module: String, _ name: String) -> Data { Data("c\(module)\n\(name)\n".utf8) }

  package static func tuple(_ items: [Data]) -> Data { Data("(".utf8) + items.reduce(Data(), +) + Data("t".utf8) }

  package static func storage(_ key: String = "0", type: Data = global("torch", "FloatStorage"), count: Int = 4) -> Data
  {
    tuple([text("storage"), type, text(key), text("cpu"), integer(count)]) + Data("Q".utf8)
  }

  package static func tensor(
    _ storage: Data = storage(), offset: Int = 0, shape: [Int] = [4], strides: [Int] = [1], metadata: Data? = nil
  ) -> Data {
    let arguments = [
      storage, integer(offset), tuple(shape.map(integer)), tuple(strides.map(integer)), Data([0x89]), Data("N".utf8),
    ]
    return global("torch._utils", "_rebuild_tensor_v2") + tuple(arguments + [metadata].compactMap { $0 })
      + Data("R".utf8)
  }

  package static func dictionary(_ items: [(String, Data)]) -> Data {
    Data("}(".utf8) + items.map { text($0) + $1 }.reduce(Data(), +) + Data("u".utf8)
  }

  package static func whole(_ value: Data) -> Data { start + value + stop }

  /// A file of `torch.save` that holds a state dict; for one array called "" a tensor.
  package static func file(_ arrays: [(name: String, shape: [Int], values: [Float])]) -> Data {
    let tensors = arrays.enumerated().map { index, array in
      let strides = array.shape.indices.map { array.shape[($0 + 1)...].reduce(1, *) }
      return (
        array.name, tensor(storage("\(index)", count: array.values.count), shape: array.shape, strides: strides)
      )
    }
    let storages = arrays.enumerated().map { ("\($0)", $1.values.withUnsafeBytes { Data($0) }) }
    let isBare = arrays.count == 1 && arrays[0].name.isEmpty
    return ZipBuilder(
      pickle: whole(isBare ? tensors[0].1 : dictionary(tensors)),
      storages: Dictionary(uniqueKeysWithValues: storages)
    ).data
  }
}

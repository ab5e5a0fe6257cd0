import Foundation
import TestSupport
import Weights

/// The sound inputs from which mutated ones are made.
struct Corpus {
  /// What an input is, and so which reader gets it.
  enum Kind { case safetensors, archive, pickle, index }

  let inputs: [(kind: Kind, bytes: [UInt8])]

  /// The inputs made here, and the files of at most 64 kB below a folder, if one is given.
  init(folder: String?) throws {
    let storage = [Float](repeating: 0.5, count: 12).withUnsafeBytes { Data($0) }
    let pickles = [
      Pickle.tensor(Pickle.storage(count: 12), shape: [3, 4], strides: [4, 1]),
      Pickle.dictionary([
        ("a", Pickle.tensor(Pickle.storage(count: 12), offset: 1, shape: [2, 3], strides: [1, 2])),
        ("state_dict", Pickle.dictionary([("b.c", Pickle.tensor(Pickle.storage(count: 12), shape: [12]))])),
        ("epoch", Pickle.integer(3)),
      ]),
    ].map(Pickle.whole)
    var inputs: [(kind: Kind, bytes: [UInt8])] = pickles.map { (.pickle, Array($0)) }
    for change in [{ _ in }, { $0.hasDescriptors = true }, { $0.isZip64 = true }, { $0.comment = "a comment" }]
      as [(inout ZipBuilder) -> Void]
    {
      var builder = ZipBuilder(pickle: pickles[1], storages: ["0": storage])
      change(&builder)
      inputs.append((.archive, Array(builder.data)))
    }
    let headers = [
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}",
      "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[0,8]},"
        + "\"\\u0062.c\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[8,16]},"
        + "\"d\":{\"dtype\":\"U8\",\"shape\":[0,3],\"data_offsets\":[16,16]},"
        + "\"e\":{\"dtype\":\"F16\",\"shape\":[1,2,2],\"data_offsets\":[16,24]}}",
    ]
    inputs += headers.map { header in
      let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
      return (.safetensors, length + Array(header.utf8) + [UInt8](repeating: 1, count: 24))
    }
    inputs.append(
      (
        .index,
        Array(
          ("{\"metadata\":{\"total_size\":48.0,\"x\":[1,null,{\"y\":\"z\"}]},\"weight_map\":{"
            + "\"a\":\"model-00001-of-00002.safetensors\",\"b.c\":\"model-00002-of-00002.safetensors\"}}").utf8)
      ))
    if let folder { inputs += try Self.files(folder) }
    self.inputs = inputs
  }

  private static func files(_ folder: String) throws -> [(kind: Kind, bytes: [UInt8])] {
    try FileManager.default.subpathsOfDirectory(atPath: folder).sorted().compactMap { name in
      let kinds: [String: Kind] = ["safetensors": .safetensors, "pt": .archive, "pth": .archive]
      guard let kind = kinds[URL(fileURLWithPath: name).pathExtension] else { return nil }
      let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))
      return bytes.count <= Mutator.longest ? (kind, Array(bytes)) : nil
    }
  }

  /// Reads an input through and through; false where it is refused.
  ///
  /// Throws what no reader may throw.
  static func read(_ kind: Kind, _ bytes: [UInt8]) throws -> Bool {
    do {
      let source: any StoredTensors
      switch kind {
      case .safetensors:
        guard bytes.count >= 8 else { return false }
        source = try SafetensorsFile(bytes: Data(bytes), path: "input")
      case .archive:
        guard bytes.count >= 8 else { return false }
        source = try PyTorchFile(bytes: Data(bytes), path: "input")
      case .pickle:
        let archive = ZipBuilder(pickle: Data(bytes), storages: ["0": storage]).data
        source = try PyTorchFile(bytes: archive, path: "input")
      case .index:
        return try !ShardedFile.parse(Data(bytes), path: "input").tensors.isEmpty
      }
      try readAll(source)
      return true
    } catch let error as WeightsError {
      precondition(error.description.hasPrefix("input: "))
      return false
    }
  }

  private static let storage = Data(repeating: 1, count: 48)
  private static func readAll(_ file: any StoredTensors) throws {
    let unwrapped = try Unwrapping(file, wanting: [.init(["b.c"]), .init(["a", "d"], renamed: ["a": "e"])])
    _ = file.checksum()
    for source in [file, unwrapped] as [any StoredTensors] {
      for (name, shape) in source.shapes {
        do {
          let array = try source.array(name)
          let count = shape.contains(0) ? 0 : shape.reduce(1, *)
          precondition(array.shape == shape && array.bytes.count == count * array.dtype.byteCount)
          let (all, part) = (try source.floats(name), try count > 1 ? source.floats(name, part: 1..<2) : [0])
          precondition(all.count == count && part.count == 1)
        } catch is WeightsError {
          continue  // A damaged storage is told when it is read.
        }
      }
    }
  }
}

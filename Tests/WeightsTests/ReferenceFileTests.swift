import Foundation
import Testing
import Weights

/// Against `Tests/golden/weights/reference.safetensors`, which the Python package wrote (see `make.py` there).
struct ReferenceFileTests {
  static let path = packageRoot.appendingPathComponent("Tests/golden/weights/reference.safetensors").path
  static let metadata = ["note": "quote \" backslash \\ newline \n tab \t bell \u{7} é λ 🌷"]

  static let f64: [Double] = [1.0 / 3, -0.0, 1e300, .leastNonzeroMagnitude, .infinity, 0x1p53 + 2]
  static let arrays: [NamedArray] = [
    NamedArray(name: "f64", shape: [2, 3], f64),
    NamedArray(name: "f32", shape: [2, 1], [0.1, -3.4028235e38] as [Float]),
    array("f16", .f16, [0.1, 65504, 6e-8, -0.0, -.infinity] as [Float16]),
    // 0.1 and 3e38 to eight significant bits.
    array("bf16", .bf16, [0x3DCD, 0x7F62, 0xBFC0] as [UInt16]),
    NamedArray(name: "i64", shape: [2], [.min, 1 << 53] as [Int64]),
    array("i32", .i32, [Int32.min, Int32.max]),
    array("i16", .i16, [Int16.min, Int16.max]),
    array("i8", .i8, [Int8.min, Int8.max]),
    array("u64", .u64, [0, 1 << 63] as [UInt64]),
    array("u32", .u32, [0, UInt32.max]),
    array("u16", .u16, [0, UInt16.max]),
    array("u8", .u8, [0, 255, 7] as [UInt8]),
    array("bool", .bool, [1, 0, 1] as [UInt8]),
    NamedArray(name: "scalar", shape: [], [42] as [Int64]),
    NamedArray(name: "empty", shape: [0, 3], [] as [Float]),
    NamedArray(name: "a \"quoted\" näme", shape: [1], [1] as [Float]),
  ]

  static func array<Element>(_ name: String, _ dtype: ScalarType, _ values: [Element]) -> NamedArray {
    NamedArray(name: name, dtype: dtype, shape: [values.count], bytes: values.withUnsafeBytes { Data($0) })
  }

  @Test func everyTypeOfThePythonPackageIsRead() throws {
    let file = try SafetensorsFile(path: Self.path)
    #expect(file.metadata == Self.metadata)
    #expect(Set(file.tensors.map(\.name)) == Set(Self.arrays.map(\.name)))
    #expect(Set(file.tensors.map(\.dtype)) == Set(ScalarType.allCases))
    for array in Self.arrays {
      let info = try #require(file.info(array.name))
      #expect(info.dtype == array.dtype && info.shape == array.shape, "\(array.name)")
      #expect(try file.withBytes(of: array.name) { Data($1) } == array.bytes, "\(array.name)")
    }
  }

  @Test func everyTypeIsConverted() throws {
    let file = try SafetensorsFile(path: Self.path)
    let expected: [String: [Double]] = [
      "f64": Self.f64, "f32": [Double(Float(0.1)), -3.4028234663852886e38],
      "f16": [0.0999755859375, 65504, 5.9604644775390625e-8, -0.0, -.infinity],
      "bf16": [0.10009765625, 0x1.c4p127, -1.5], "i64": [-0x1p63, 0x1p53], "i32": [-0x1p31, 0x1p31 - 1],
      "i16": [-32768, 32767], "i8": [-128, 127], "u64": [0, 0x1p63], "u32": [0, 0x1p32 - 1], "u16": [0, 65535],
      "u8": [0, 255, 7], "bool": [1, 0, 1], "scalar": [42], "empty": [], "a \"quoted\" näme": [1],
    ]
    #expect(expected.count == Self.arrays.count)
    for (name, values) in expected {
      let doubles = try file.doubles(name)
      #expect(doubles.map(\.bitPattern) == values.map(\.bitPattern), "\(name)")
      #expect(try file.floats(name).map(\.bitPattern) == values.map { Float($0).bitPattern }, "\(name)")
    }
  }

  @Test func weWriteTheBytesThatThePythonPackageWrites() throws {
    let expected = try Data(contentsOf: URL(fileURLWithPath: Self.path))
    for order in [Self.arrays, Self.arrays.reversed()] {
      try withTemporaryFile { path in
        try Safetensors.write(order, metadata: Self.metadata, to: path)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == expected)
      }
    }
  }

  @Test func severalMetadataKeysComeBackAndAreWrittenInOrder() throws {
    let metadata = Dictionary(uniqueKeysWithValues: (0..<50).map { ("key\($0)\u{8}", "\u{1F}\($0)") })
    try withTemporaryFile { path in
      try Safetensors.write([], metadata: metadata, to: path)
      #expect(try SafetensorsFile(path: path).metadata == metadata)
      let first = try Data(contentsOf: URL(fileURLWithPath: path))
      try Safetensors.write([], metadata: metadata, to: path)
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == first)
      #expect(first.count % 8 == 0)
    }
  }

  static let shared = packageRoot.deletingLastPathComponent().appendingPathComponent("shared/data/weights").path
  static let hasShared = FileManager.default.fileExists(atPath: shared)

  @Test(
    .enabled(if: hasShared, "../shared/data/weights is absent"),
    arguments: [
      ("densenet169_imagenet", 844), ("resnet50_layer3_imagenet", 215), ("mobilenet_v2_imagenet", 262),
    ])
  func sharedWeightsOpen(name: String, count: Int) throws {
    let file = try SafetensorsFile(path: "\(Self.shared)/\(name).safetensors")
    #expect(file.tensors.count == count)
    for tensor in file.tensors {
      #expect(try file.floats(tensor.name).allSatisfy(\.isFinite), "\(tensor.name)")
    }
  }
}
